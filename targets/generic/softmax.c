/* softmax_s8: exponentials from a table, one reciprocal a row. */
#include "generic.h"
#include "integer.h"
#include "whit/params.h"

#define ONE_Q2 ((int32_t)1 << 29)

static int32_t shift_left_saturating(int32_t x, int bits) {
  int32_t limit = INT32_MAX >> bits;
  return x > limit ? INT32_MAX : x < -limit - 1 ? INT32_MIN : x * ((int32_t)1 << bits);
}

/* 1 / (1 + a), a and the result Q0.31 in [0, 1]: three Newton steps on Q2.29 from
 * 48/17 - 32/17 * d, d = (1 + a) / 2. */
static int32_t one_over_one_plus(int32_t a) {
  int32_t d = (int32_t)(((int64_t)a + INT32_MAX + 1) / 2);
  int32_t x = 1515870810 + whit_doubling_high_mul(d, -1010580540);
  for (int i = 0; i < 3; i++) {
    int32_t error = ONE_Q2 - whit_doubling_high_mul(d, x);
    x += shift_left_saturating(whit_doubling_high_mul(x, error), 2);
  }
  return shift_left_saturating(x, 1);
}

/* In a hostile program y may lie over the rest of x, which can then exceed its maximum. */
static inline int32_t exponential(const int32_t *table, int32_t max, int32_t x) {
  return table[(uint8_t)(max - x)];
}

void whit_softmax_s8_generic(const void *params, void *const operand[]) {
  const whit_softmax_s8_params *p = params;
  const int8_t *x = operand[0];
  const int32_t *table = operand[1];
  int8_t *y = operand[2];
  for (int32_t row = 0; row < p->rows; row++, x += p->columns, y += p->columns) {
    int32_t max = INT8_MIN;
    for (int32_t i = 0; i < p->columns; i++) {
      if (x[i] > max) max = x[i];
    }
    /* Q12.19. Shares of a sum of 512 or more are below half a step: it stops there. */
    int32_t sum = 0;
    for (int32_t i = 0; i < p->columns && sum >> 28 == 0; i++) {
      sum += whit_rounding_shift_right(exponential(table, max, x[i]), 12);
    }
    int headroom = 0;
    uint32_t normalized = (uint32_t)sum;
    for (; normalized >> 31 == 0; headroom++) normalized <<= 1;
    int32_t scale = one_over_one_plus((int32_t)(normalized - ((uint32_t)1 << 31)));
    int exponent = 35 - headroom;
    for (int32_t i = 0; i < p->columns; i++) {
      int32_t share = 0;
      if (exponent <= 31) {
        share = whit_doubling_high_mul(scale, exponential(table, max, x[i]));
        share = whit_rounding_shift_right(share, exponent);
      }
      y[i] = (int8_t)whit_clamp(share + INT8_MIN, INT8_MIN, INT8_MAX);
    }
  }
}

bool whit_softmax_s8_generic_validate(const whit_check *check) {
  const whit_softmax_s8_params *p = check->params;
  const int32_t dims[] = {p->rows, p->columns};
  if (!whit_multipliers_valid(check, 1, 256)) return false;
  const int32_t *table =
      (const void *)(check->constants + (check->references[1] & WHIT_OFFSET_MASK));
  /* exp(0) is 1, so a sum is never below 1. */
  return table[0] == INT32_MAX && whit_fits(check, 0, whit_extent(dims, 2, 1), 1) &&
         whit_fits(check, 2, whit_extent(dims, 2, 1), 1);
}

WHIT_NO_SCRATCH(whit_softmax_s8_generic)
WHIT_LAG_IN_PLACE(whit_softmax_s8_generic)
