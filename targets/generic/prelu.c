/* prelu_s8: requantized where positive, multiplied by the broadcast alpha elsewhere. */
#include "generic.h"
#include "walk.h"
#include "whit/fixed_point.h"
#include "whit/params.h"

void whit_prelu_s8_generic(const void *params, void *const operand[]) {
  const whit_prelu_s8_params *p = params;
  const int8_t *x = operand[0];
  const int8_t *alpha = operand[1];
  int8_t *y = operand[2];
  int last = p->rank - 1;
  whit_walk at = {.rank = p->rank, .dims = p->dims, .a_strides = p->alpha_strides,
                  .b_strides = p->alpha_strides};
  do {
    for (int32_t i = 0; i < p->dims[last]; i++) {
      int32_t value = *x++ - p->input_zero_point;
      if (value >= 0) {
        value = whit_requantize(value, p->positive_multiplier, p->positive_shift);
      } else {
        value *= alpha[at.a + (ptrdiff_t)i * p->alpha_strides[last]] - p->alpha_zero_point;
        value = whit_requantize(value, p->negative_multiplier, p->negative_shift);
      }
      *y++ = (int8_t)whit_clamp(whit_add_wrap(value, p->output_zero_point), -128, 127);
    }
  } while (whit_walk_next(&at));
}

static bool zero_point_valid(int16_t zero_point) { return zero_point >= -128 && zero_point <= 127; }

bool whit_prelu_s8_generic_validate(const whit_check *check) {
  const whit_prelu_s8_params *p = check->params;
  if (p->rank < 1 || p->rank > WHIT_MAX_DIMS) return false;
  uint64_t bytes = whit_extent(p->dims, p->rank, 1);
  return p->positive_multiplier >= 0 && p->negative_multiplier >= 0 &&
         whit_shift_valid(p->positive_shift) && whit_shift_valid(p->negative_shift) &&
         zero_point_valid(p->input_zero_point) && zero_point_valid(p->alpha_zero_point) &&
         zero_point_valid(p->output_zero_point) && whit_fits(check, 0, bytes, 1) &&
         whit_nest_fits(check, 1, p->rank, p->dims, p->alpha_strides, 0, 1) &&
         whit_fits(check, 2, bytes, 1);
}

WHIT_NO_SCRATCH(whit_prelu_s8_generic)

int32_t whit_prelu_s8_generic_lag(const void *params, int operand) {
  (void)params;
  return operand == 0 ? 0 : WHIT_NO_OVERLAP;
}
