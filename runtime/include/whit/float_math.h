/* exp, sigmoid and tanh in float32 without libm, the same on every machine: only additions,
 * multiplications, divisions and bit patterns. Errors stay within 3 units in the last place.
 * NaN gives NaN; overflow gives infinity, underflow gradually 0. The polynomials are minimax fits. */
#ifndef WHIT_FLOAT_MATH_H
#define WHIT_FLOAT_MATH_H

#include <stdint.h>
#include <string.h>

static inline float whit_power_of_two(int32_t exponent) {
  uint32_t bits = (uint32_t)(exponent + 127) << 23;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline float whit_expf(float x) {
  /* Beyond these the result is infinity or 0; NaN passes both tests. */
  x = x > 89.0f ? 89.0f : x < -104.0f ? -104.0f : x;
  /* x = k ln 2 + r. Adding 1.5 * 2^23 leaves the nearest integer in the low bits, which, unlike a
   * conversion, is defined for NaN. */
  const float shifter = 12582912.0f;
  float shifted = x * 1.44269504f + shifter;
  uint32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  int32_t k = (int32_t)(bits & 0xffffu) - ((bits & 0x8000u) ? 0x10000 : 0);
  k = k < -150 ? -150 : k > 129 ? 129 : k;
  float rounded = shifted - shifter;
  float r = (x - rounded * 0.693359375f) + rounded * 2.12194440e-4f;
  float q = 0.5f + r * (0.166665196f + r * (0.0416683927f + r * (0.00836878084f + r * 0.00138144649f)));
  float power = 1.0f + (r + r * r * q);
  /* Two steps, since 2^k alone may overflow, or be subnormal, where the result does not. */
  int32_t half = k / 2;
  return power * whit_power_of_two(half) * whit_power_of_two(k - half);
}

static inline float whit_sigmoidf(float x) {
  /* exp of what is never positive: no overflow, and no cancellation on either side. */
  float e = whit_expf(x > 0.0f ? -x : x);
  return (x > 0.0f ? 1.0f : e) / (1.0f + e);
}

static inline float whit_tanhf(float x) {
  float magnitude = x < 0.0f ? -x : x;
  if (magnitude < 0.625f) {
    float z = x * x;
    return x + x * z * (-0.333332837f + z * (0.133314908f + z * (-0.0537434928f +
                        z * (0.0206505749f + z * -0.00571703259f))));
  }
  float t = 1.0f - 2.0f / (whit_expf(2.0f * magnitude) + 1.0f);
  return x < 0.0f ? -t : t;
}

#endif
