/* What the float32 kernels share. */
#ifndef WHIT_GENERIC_FLOAT_HELPERS_H
#define WHIT_GENERIC_FLOAT_HELPERS_H

#include <stddef.h>
#include <stdint.h>

/* NaN passes. */
static inline float whit_clamp_f32(float x, float low, float high) {
  return x < low ? low : x > high ? high : x;
}

/* Dot products of one x with WHIT_ROWS rows, each in WHIT_LANES partial sums: independent chains for
 * the processor to overlap, in the vector type that gcc and clang have on every target, since
 * neither finds these lanes in plain C without reassociating sums elsewhere. */
#define WHIT_ROWS 4
#define WHIT_LANES 4

typedef float whit_lanes __attribute__((vector_size(4 * WHIT_LANES)));

typedef struct {
  whit_lanes sum[WHIT_ROWS];
} whit_dots;

static inline whit_lanes whit_load_lanes(const float *p) {
  return (whit_lanes){p[0], p[1], p[2], p[3]};
}

/* Adds the products of x[0..n) with the n elements at `offset` in each row. */
static inline void whit_dots_add(whit_dots *dots, const float *x,
                                 const float *const rows[WHIT_ROWS], ptrdiff_t offset, int32_t n) {
  const float *w0 = rows[0] + offset, *w1 = rows[1] + offset;
  const float *w2 = rows[2] + offset, *w3 = rows[3] + offset;
  whit_lanes s0 = dots->sum[0], s1 = dots->sum[1], s2 = dots->sum[2], s3 = dots->sum[3];
  int32_t i = 0;
  for (; i + WHIT_LANES <= n; i += WHIT_LANES) {
    whit_lanes v = whit_load_lanes(x + i);
    s0 += v * whit_load_lanes(w0 + i);
    s1 += v * whit_load_lanes(w1 + i);
    s2 += v * whit_load_lanes(w2 + i);
    s3 += v * whit_load_lanes(w3 + i);
  }
  for (; i < n; i++) {
    s0[0] += x[i] * w0[i];
    s1[0] += x[i] * w1[i];
    s2[0] += x[i] * w2[i];
    s3[0] += x[i] * w3[i];
  }
  *dots = (whit_dots){{s0, s1, s2, s3}};
}

static inline float whit_dots_total(const whit_dots *dots, int32_t row) {
  whit_lanes s = dots->sum[row];
  return (s[0] + s[1]) + (s[2] + s[3]);
}

#endif
