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

/* product / 2^31 rounded to nearest, ties up: gemmlowp's nudge and truncating division come to the
 * same. |product| below 2^62. */
static inline int32_t whit_round_high(int64_t product) {
  return (int32_t)((product + ((int64_t)1 << 30)) >> 31);
}

/* round(a * b / 2^31), ties up; saturates the one overflowing case. */
static inline int32_t whit_doubling_high_mul(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  return whit_round_high((int64_t)a * b);
}

/* x / 2^exponent rounded to nearest, ties away from zero; exponent in [0, 31]. */
static inline int32_t whit_rounding_shift_right(int32_t x, int exponent) {
  uint32_t mask = ((uint32_t)1 << exponent) - 1u;
  uint32_t remainder = (uint32_t)x & mask;
  uint32_t threshold = (mask >> 1) + (x < 0 ? 1u : 0u);
  return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

/* x * multiplier * 2^(shift - 31): multiplier is Q0.31 and not negative, shift in [-31, 30],
 * positive to the left. */
static inline int32_t whit_requantize(int32_t x, int32_t multiplier, int shift) {
  int left = shift > 0 ? shift : 0;
  int right = shift > 0 ? 0 : -shift;
  int32_t shifted = whit_wrap((uint32_t)x << left);
  return whit_rounding_shift_right(whit_round_high((int64_t)shifted * multiplier), right);
}

#endif
