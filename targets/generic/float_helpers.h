/* What the float32 kernels share. */
#ifndef WHIT_GENERIC_FLOAT_HELPERS_H
#define WHIT_GENERIC_FLOAT_HELPERS_H

#include <stddef.h>
#include <stdint.h>

/* NaN passes. */
static inline float whit_clamp_f32(float x, float low, float high) {
  return x < low ? low : x > high ? high : x;
}

/* Sums of products in WHIT_ROWS x WHIT_LANES partial sums: independent chains for the processor to
 * overlap and lanes for the compiler to vectorize without reassociating anything. */
#define WHIT_ROWS 4
#define WHIT_LANES 4

typedef struct {
  float sum[WHIT_ROWS][WHIT_LANES];
} whit_dots;

/* Adds the products of x[0..n) with the n elements that each of WHIT_ROWS pointers is at. */
static inline void whit_dots_add(whit_dots *dots, const float *x,
                                 const float *const rows[WHIT_ROWS], ptrdiff_t offset, int32_t n) {
  const float *w0 = rows[0] + offset, *w1 = rows[1] + offset;
  const float *w2 = rows[2] + offset, *w3 = rows[3] + offset;
  whit_dots d = *dots;
  int32_t i = 0;
  for (; i + WHIT_LANES <= n; i += WHIT_LANES) {
    for (int lane = 0; lane < WHIT_LANES; lane++) d.sum[0][lane] += x[i + lane] * w0[i + lane];
    for (int lane = 0; lane < WHIT_LANES; lane++) d.sum[1][lane] += x[i + lane] * w1[i + lane];
    for (int lane = 0; lane < WHIT_LANES; lane++) d.sum[2][lane] += x[i + lane] * w2[i + lane];
    for (int lane = 0; lane < WHIT_LANES; lane++) d.sum[3][lane] += x[i + lane] * w3[i + lane];
  }
  for (; i < n; i++) {
    d.sum[0][0] += x[i] * w0[i];
    d.sum[1][0] += x[i] * w1[i];
    d.sum[2][0] += x[i] * w2[i];
    d.sum[3][0] += x[i] * w3[i];
  }
  *dots = d;
}

static inline float whit_dots_total(const whit_dots *dots, int32_t row) {
  const float *s = dots->sum[row];
  return (s[0] + s[1]) + (s[2] + s[3]);
}

#endif
