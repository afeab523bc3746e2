/* add_f32, sub_f32, mul_f32 with broadcasting. */
#include "float_helpers.h"
#include "generic.h"
#include "walk.h"
#include "whit/params.h"

typedef enum { ADD, SUBTRACT, MULTIPLY } operation;

static inline float apply(operation op, float a, float b) {
  return op == ADD ? a + b : op == SUBTRACT ? a - b : a * b;
}

/* `op` is a constant wherever this is inlined. */
static inline void binary(operation op, const whit_binary_f32_params *p, void *const operand[]) {
  float *y = operand[2];
  int last = p->rank - 1;
  int32_t count = p->dims[last];
  ptrdiff_t a_step = p->a_strides[last], b_step = p->b_strides[last];
  whit_walk at = {.rank = p->rank, .dims = p->dims, .a_strides = p->a_strides,
                  .b_strides = p->b_strides};
  do {
    const float *a = (const float *)operand[0] + at.a, *b = (const float *)operand[1] + at.b;
    if (a_step == 1 && b_step == 1) {
      for (int32_t i = 0; i < count; i++) {
        y[i] = whit_clamp_f32(apply(op, a[i], b[i]), p->clamp_min, p->clamp_max);
      }
    } else {
      for (int32_t i = 0; i < count; i++) {
        y[i] = whit_clamp_f32(apply(op, a[i * a_step], b[i * b_step]), p->clamp_min, p->clamp_max);
      }
    }
    y += count;
  } while (whit_walk_next(&at));
}

void whit_add_f32_generic(const void *params, void *const operand[]) {
  binary(ADD, params, operand);
}

void whit_sub_f32_generic(const void *params, void *const operand[]) {
  binary(SUBTRACT, params, operand);
}

void whit_mul_f32_generic(const void *params, void *const operand[]) {
  binary(MULTIPLY, params, operand);
}

bool whit_add_f32_generic_validate(const whit_check *check) {
  const whit_binary_f32_params *p = check->params;
  return p->rank >= 1 && p->rank <= WHIT_MAX_DIMS &&
         whit_fits(check, 2, whit_extent(p->dims, p->rank, 4), 4) &&
         whit_nest_fits(check, 0, p->rank, p->dims, p->a_strides, 0, 4) &&
         whit_nest_fits(check, 1, p->rank, p->dims, p->b_strides, 0, 4);
}

bool whit_sub_f32_generic_validate(const whit_check *check) {
  return whit_add_f32_generic_validate(check);
}

bool whit_mul_f32_generic_validate(const whit_check *check) {
  return whit_add_f32_generic_validate(check);
}

int32_t whit_add_f32_generic_lag(const void *params, int operand) {
  const whit_binary_f32_params *p = params;
  return whit_elementwise_lag(p->rank, p->dims, operand ? p->b_strides : p->a_strides, 4);
}

int32_t whit_sub_f32_generic_lag(const void *params, int operand) {
  return whit_add_f32_generic_lag(params, operand);
}

int32_t whit_mul_f32_generic_lag(const void *params, int operand) {
  return whit_add_f32_generic_lag(params, operand);
}

WHIT_NO_SCRATCH(whit_add_f32_generic)
WHIT_NO_SCRATCH(whit_sub_f32_generic)
WHIT_NO_SCRATCH(whit_mul_f32_generic)
