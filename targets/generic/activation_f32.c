/* clip_f32, sigmoid_f32, tanh_f32, leaky_relu_f32, prelu_f32: one element at a time. */
#include "float_helpers.h"
#include "generic.h"
#include "walk.h"
#include "whit/float_math.h"
#include "whit/params.h"

static bool unary_valid(const whit_check *check, const int32_t *count) {
  uint64_t bytes = whit_extent(count, 1, 4);
  return whit_fits(check, 0, bytes, 4) && whit_fits(check, 1, bytes, 4);
}

#define UNARY(name, params_type, expression)                                  \
  void name(const void *params, void *const operand[]) {                      \
    const params_type *p = params;                                            \
    const float *x = operand[0];                                              \
    float *y = operand[1];                                                    \
    for (int32_t i = 0; i < p->count; i++) y[i] = expression;                 \
  }                                                                           \
  bool name##_validate(const whit_check *check) {                             \
    return unary_valid(check, &((const params_type *)check->params)->count);  \
  }                                                                           \
  WHIT_NO_SCRATCH(name)                                                       \
  WHIT_LAG_IN_PLACE(name)

UNARY(whit_clip_f32_generic, whit_clip_f32_params, whit_clamp_f32(x[i], p->min, p->max))
UNARY(whit_sigmoid_f32_generic, whit_unary_params, whit_sigmoidf(x[i]))
UNARY(whit_tanh_f32_generic, whit_unary_params, whit_tanhf(x[i]))
UNARY(whit_leaky_relu_f32_generic, whit_leaky_relu_f32_params,
      x[i] < 0.0f ? x[i] * p->alpha : x[i])

void whit_prelu_f32_generic(const void *params, void *const operand[]) {
  const whit_prelu_f32_params *p = params;
  const float *x = operand[0];
  float *y = operand[2];
  int last = p->rank - 1;
  int32_t count = p->dims[last];
  whit_walk at = {.rank = p->rank, .dims = p->dims, .a_strides = p->alpha_strides,
                  .b_strides = p->alpha_strides};
  do {
    const float *alpha = (const float *)operand[1] + at.a;
    for (int32_t i = 0; i < count; i++) {
      y[i] = x[i] < 0.0f ? x[i] * alpha[(ptrdiff_t)i * p->alpha_strides[last]] : x[i];
    }
    x += count;
    y += count;
  } while (whit_walk_next(&at));
}

bool whit_prelu_f32_generic_validate(const whit_check *check) {
  const whit_prelu_f32_params *p = check->params;
  if (p->rank < 1 || p->rank > WHIT_MAX_DIMS) return false;
  uint64_t bytes = whit_extent(p->dims, p->rank, 4);
  return whit_fits(check, 0, bytes, 4) &&
         whit_nest_fits(check, 1, p->rank, p->dims, p->alpha_strides, 0, 4) &&
         whit_fits(check, 2, bytes, 4);
}

WHIT_NO_SCRATCH(whit_prelu_f32_generic)

int32_t whit_prelu_f32_generic_lag(const void *params, int operand) {
  (void)params;
  return operand == 0 ? 0 : WHIT_NO_OVERLAP;
}
