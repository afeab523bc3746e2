/* mean_f32: summed in blocks, so that rounding errors do not grow with the number of elements. */
#include "generic.h"
#include "walk.h"
#include "whit/params.h"

#define BLOCK 64

static float nest_sum(const float *x, const int32_t *dims, const int32_t *strides) {
  const int last = WHIT_MAX_DIMS - 1;
  whit_walk at = {.rank = WHIT_MAX_DIMS, .dims = dims, .a_strides = strides, .b_strides = strides};
  float total = 0.0f, block = 0.0f;
  uint32_t summed = 0;
  do {
    for (int32_t i = 0; i < dims[last]; i++) {
      block += x[at.a + (ptrdiff_t)i * strides[last]];
      if (++summed % BLOCK == 0) {
        total += block;
        block = 0.0f;
      }
    }
  } while (whit_walk_next(&at));
  return total + block;
}

void whit_mean_f32_generic(const void *params, void *const operand[]) {
  const whit_mean_f32_params *p = params;
  const float *x = operand[0];
  float *y = operand[1];
  const int last = WHIT_MAX_DIMS - 1;
  int32_t count = 1;
  for (int i = 0; i < WHIT_MAX_DIMS; i++) count *= p->reduced[i];
  whit_walk at = {.rank = WHIT_MAX_DIMS, .dims = p->kept, .a_strides = p->kept_strides,
                  .b_strides = p->kept_strides};
  do {
    for (int32_t i = 0; i < p->kept[last]; i++) {
      const float *from = x + at.a + (ptrdiff_t)i * p->kept_strides[last];
      *y++ = nest_sum(from, p->reduced, p->reduced_strides) / (float)count;
    }
  } while (whit_walk_next(&at));
}

bool whit_mean_f32_generic_validate(const whit_check *check) {
  const whit_mean_f32_params *p = check->params;
  return whit_reduction_fits(check, p->kept, p->kept_strides, p->reduced, p->reduced_strides, 4);
}

WHIT_NO_SCRATCH(whit_mean_f32_generic)
WHIT_LAG_NEVER(whit_mean_f32_generic)
