/* whit's integer arithmetic: one definition, used by every kernel, mirrored by
 * whit.converter.fixed_point and specified in docs/arithmetic.md.
 *
 * Sums wrap: the mathematics of two's complement, defined here through uint32_t, so that no input
 * can reach undefined behaviour. Rounding is that of gemmlowp's SaturatingRoundingDoublingHighMul
 * and RoundingDivideByPOT, which TFLite's reference kernels use. */
#ifndef WHIT_FIXED_POINT_H
#define WHIT_FIXED_POINT_H

#include <stdint.h>

static inline int32_t whit_wrap(uint32_t x) { return (int32_t)x; }

static inline int32_t whit_add_wrap(int32_t a, int32_t b) {
  return whit_wrap((uint32_t)a + (uint32_t)b);
}

static inline int32_t whit_clamp(int32_t x, int32_t low, int32_t high) {
  return x < low ? low : x > high ? high : x;
}

/* round(a * b / 2^31), ties away from zero for positive products and towards zero for negative
 * ones as gemmlowp's nudge has it; saturates the one overflowing case. */
static inline int32_t whit_doubling_high_mul(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  int64_t product = (int64_t)a * b;
  int64_t nudge = product >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30);
  return (int32_t)((product + nudge) / ((int64_t)1 << 31));
}

/* x / 2^exponent rounded to nearest, ties away from zero; exponent in [0, 31]. */
static inline int32_t whit_rounding_shift_right(int32_t x, int exponent) {
  uint32_t mask = ((uint32_t)1 << exponent) - 1u;
  uint32_t remainder = (uint32_t)x & mask;
  uint32_t threshold = (mask >> 1) + (x < 0 ? 1u : 0u);
  return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

/* x * multiplier * 2^(shift - 31): multiplier is Q0.31, shift in [-31, 30], positive to the left. */
static inline int32_t whit_requantize(int32_t x, int32_t multiplier, int shift) {
  int left = shift > 0 ? shift : 0;
  int right = shift > 0 ? 0 : -shift;
  int32_t shifted = whit_wrap((uint32_t)x << left);
  return whit_rounding_shift_right(whit_doubling_high_mul(shifted, multiplier), right);
}

#endif
