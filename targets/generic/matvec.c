#include "matvec.h"

#define ROWS 4

/* Four rows at a time: x is loaded once for all of them. */
WHIT_TIGHT void four_rows(const int8_t *x, const int8_t *weights, ptrdiff_t columns,
                          uint32_t sums[ROWS]) {
  const int8_t *w0 = weights, *w1 = w0 + columns, *w2 = w1 + columns, *w3 = w2 + columns;
  uint32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  WHIT_KEEP_ROLLED
  for (ptrdiff_t k = 0; k < columns; k++) {
    int32_t value = x[k];
    s0 += (uint32_t)(value * w0[k]);
    s1 += (uint32_t)(value * w1[k]);
    s2 += (uint32_t)(value * w2[k]);
    s3 += (uint32_t)(value * w3[k]);
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
}

static uint32_t one_row(const int8_t *x, const int8_t *weights, ptrdiff_t columns) {
  uint32_t sum = 0;
  WHIT_KEEP_ROLLED
  for (ptrdiff_t k = 0; k < columns; k++) sum += (uint32_t)(x[k] * weights[k]);
  return sum;
}

void whit_matvec_s8(const whit_output_stage *stage, const int8_t *x, const int8_t *weights,
                    int32_t columns, int32_t channel, int32_t rows, int8_t *y) {
  while (rows > 0) {
    uint32_t sums[ROWS];
    int32_t now = 1;
    if (rows >= ROWS) {
      four_rows(x, weights, columns, sums);
      now = ROWS;
    } else {
      sums[0] = one_row(x, weights, columns);
    }
    for (int32_t i = 0; i < now; i++) *y++ = whit_output_s8(stage, channel++, sums[i]);
    weights += (ptrdiff_t)now * columns;
    rows -= now;
  }
}
