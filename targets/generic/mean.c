/* mean_s8: sums, requantized by a multiplier that holds the division as well. */
#include "generic.h"
#include "integer.h"
#include "walk.h"
#include "whit/params.h"

#define LAST (WHIT_MAX_DIMS - 1)

/* Of every extent but the last, which the caller's own loop takes. */
static whit_walk walk_of(const int32_t *dims, const int32_t *strides) {
  return (whit_walk){.rank = WHIT_MAX_DIMS, .dims = dims, .a_strides = strides,
                     .b_strides = strides};
}

static int32_t sum(const whit_mean_s8_params *p, const int8_t *x) {
  uint32_t total = (uint32_t)p->offset;
  whit_walk at = walk_of(p->reduced, p->reduced_strides);
  do {
    const int8_t *from = x + at.a;
    for (int32_t i = 0; i < p->reduced[LAST]; i++, from += p->reduced_strides[LAST]) {
      int32_t value = *from;
      total += (uint32_t)value;
    }
  } while (whit_walk_next(&at));
  return whit_wrap(total);
}

void whit_mean_s8_generic(const void *params, void *const operand[]) {
  const whit_mean_s8_params *p = params;
  int8_t *y = operand[1];
  whit_walk at = walk_of(p->kept, p->kept_strides);
  do {
    const int8_t *x = (const int8_t *)operand[0] + at.a;
    for (int32_t i = 0; i < p->kept[LAST]; i++, x += p->kept_strides[LAST]) {
      int32_t mean = whit_requantize(sum(p, x), p->multiplier, p->shift);
      mean = whit_add_wrap(mean, p->output_zero_point);
      *y++ = (int8_t)whit_clamp(mean, INT8_MIN, INT8_MAX);
    }
  } while (whit_walk_next(&at));
}

bool whit_mean_s8_generic_validate(const whit_check *check) {
  const whit_mean_s8_params *p = check->params;
  return p->multiplier >= 0 && whit_shift_valid(p->shift) && whit_is_s8(p->output_zero_point) &&
         whit_reduction_fits(check, p->kept, p->kept_strides, p->reduced, p->reduced_strides, 1);
}

WHIT_NO_SCRATCH(whit_mean_s8_generic)

/* What one sum reads starts at its own element of the kept nest. */
int32_t whit_mean_s8_generic_lag(const void *params, int operand) {
  const whit_mean_s8_params *p = params;
  (void)operand;
  return whit_elementwise_lag(WHIT_MAX_DIMS, p->kept, p->kept_strides, 1);
}
