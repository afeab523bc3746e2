/* mul_s8. */
#include "generic.h"
#include "integer.h"
#include "walk.h"
#include "whit/params.h"

void whit_mul_s8_generic(const void *params, void *const operand[]) {
  const whit_mul_s8_params *p = params;
  int8_t *y = operand[2];
  int last = p->rank - 1;
  whit_walk at = {.rank = p->rank, .dims = p->dims, .a_strides = p->a_strides,
                  .b_strides = p->b_strides};
  do {
    const int8_t *a = (const int8_t *)operand[0] + at.a, *b = (const int8_t *)operand[1] + at.b;
    for (int32_t i = 0; i < p->dims[last]; i++) {
      int32_t product = (*a - p->a_zero_point) * (*b - p->b_zero_point);
      product = whit_requantize(product, p->output_multiplier, p->output_shift);
      product = whit_add_wrap(product, p->output_zero_point);
      *y++ = (int8_t)whit_clamp(product, p->clamp_min, p->clamp_max);
      a += p->a_strides[last];
      b += p->b_strides[last];
    }
  } while (whit_walk_next(&at));
}

bool whit_mul_s8_generic_validate(const whit_check *check) {
  const whit_mul_s8_params *p = check->params;
  return p->rank >= 1 && p->rank <= WHIT_MAX_DIMS && p->output_multiplier >= 0 &&
         whit_shift_valid(p->output_shift) && whit_is_s8(p->a_zero_point) &&
         whit_is_s8(p->b_zero_point) && whit_is_s8(p->output_zero_point) &&
         whit_clamp_valid(p->clamp_min, p->clamp_max) &&
         whit_nest_fits(check, 0, p->rank, p->dims, p->a_strides, 0, 1) &&
         whit_nest_fits(check, 1, p->rank, p->dims, p->b_strides, 0, 1) &&
         whit_fits(check, 2, whit_extent(p->dims, p->rank, 1), 1);
}

WHIT_NO_SCRATCH(whit_mul_s8_generic)

int32_t whit_mul_s8_generic_lag(const void *params, int operand) {
  const whit_mul_s8_params *p = params;
  return whit_elementwise_lag(p->rank, p->dims, operand ? p->b_strides : p->a_strides, 1);
}
