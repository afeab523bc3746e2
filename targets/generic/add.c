/* add_s8: both operands brought to one scale, added or subtracted, and brought to y's. */
#include "generic.h"
#include "integer.h"
#include "walk.h"
#include "whit/params.h"

/* x * multiplier * 2^(shift - 31), shift at most 0. */
static inline int32_t scale_down(int32_t x, int32_t multiplier, int shift) {
  return whit_rounding_shift_right(whit_round_high((int64_t)x * multiplier), -shift);
}

void whit_add_s8_generic(const void *params, void *const operand[]) {
  const whit_add_s8_params *p = params;
  int8_t *y = operand[2];
  int last = p->rank - 1;
  int32_t left = (int32_t)1 << p->left_shift;
  whit_walk at = {.rank = p->rank, .dims = p->dims, .a_strides = p->a_strides,
                  .b_strides = p->b_strides};
  do {
    const int8_t *a = (const int8_t *)operand[0] + at.a, *b = (const int8_t *)operand[1] + at.b;
    for (int32_t i = 0; i < p->dims[last]; i++) {
      int32_t first = scale_down((*a - p->a_zero_point) * left, p->a_multiplier, p->a_shift);
      int32_t second = scale_down((*b - p->b_zero_point) * left, p->b_multiplier, p->b_shift);
      int32_t sum = whit_add_wrap(first, p->subtract ? -second : second);
      sum = scale_down(sum, p->output_multiplier, p->output_shift);
      sum = whit_add_wrap(sum, p->output_zero_point);
      *y++ = (int8_t)whit_clamp(sum, p->clamp_min, p->clamp_max);
      a += p->a_strides[last];
      b += p->b_strides[last];
    }
  } while (whit_walk_next(&at));
}

static bool scale_valid(int32_t multiplier, int32_t shift) {
  return multiplier >= 0 && shift >= -31 && shift <= 0;
}

bool whit_add_s8_generic_validate(const whit_check *check) {
  const whit_add_s8_params *p = check->params;
  /* 255 * 2^22 is below 2^30. */
  return p->rank >= 1 && p->rank <= WHIT_MAX_DIMS && p->left_shift <= 22 && p->subtract <= 1 &&
         scale_valid(p->a_multiplier, p->a_shift) && scale_valid(p->b_multiplier, p->b_shift) &&
         scale_valid(p->output_multiplier, p->output_shift) && whit_is_s8(p->a_zero_point) &&
         whit_is_s8(p->b_zero_point) && whit_is_s8(p->output_zero_point) &&
         whit_clamp_valid(p->clamp_min, p->clamp_max) &&
         whit_nest_fits(check, 0, p->rank, p->dims, p->a_strides, 0, 1) &&
         whit_nest_fits(check, 1, p->rank, p->dims, p->b_strides, 0, 1) &&
         whit_fits(check, 2, whit_extent(p->dims, p->rank, 1), 1);
}

WHIT_NO_SCRATCH(whit_add_s8_generic)

int32_t whit_add_s8_generic_lag(const void *params, int operand) {
  const whit_add_s8_params *p = params;
  return whit_elementwise_lag(p->rank, p->dims, operand ? p->b_strides : p->a_strides, 1);
}
