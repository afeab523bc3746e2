/* fully_connected_f32: y[r][o] = clamp(bias[o] + x[r] . weights[o]). */
#include "float_helpers.h"
#include "generic.h"
#include "whit/params.h"

void whit_fully_connected_f32_generic(const void *params, void *const operand[]) {
  const whit_fully_connected_f32_params *p = params;
  const float *x = operand[0];
  const float *weights = operand[1];
  const float *bias = operand[2];
  float *y = operand[3];
  for (int32_t r = 0; r < p->rows; r++, x += p->in_c, y += p->out_c) {
    for (int32_t o = 0; o < p->out_c; o += WHIT_ROWS) {
      whit_dots dots = {{{0}}};
      const float *rows[WHIT_ROWS];
      int32_t left = p->out_c - o; /* the last block repeats its last row, and drops it */
      for (int32_t i = 0; i < WHIT_ROWS; i++) {
        rows[i] = weights + (ptrdiff_t)(o + (i < left ? i : left - 1)) * p->in_c;
      }
      whit_dots_add(&dots, x, rows, 0, p->in_c);
      for (int32_t i = 0; i < WHIT_ROWS && i < left; i++) {
        float sum = whit_dots_total(&dots, i) + (bias ? bias[o + i] : 0.0f);
        y[o + i] = whit_clamp_f32(sum, p->clamp_min, p->clamp_max);
      }
    }
  }
}

bool whit_fully_connected_f32_generic_validate(const whit_check *check) {
  const whit_fully_connected_f32_params *p = check->params;
  const int32_t x[] = {p->rows, p->in_c}, weights[] = {p->out_c, p->in_c};
  const int32_t y[] = {p->rows, p->out_c};
  return whit_fits(check, 0, whit_extent(x, 2, 4), 4) &&
         whit_fits(check, 1, whit_extent(weights, 2, 4), 4) &&
         whit_fits_optional(check, 2, whit_extent(&p->out_c, 1, 4), 4) &&
         whit_fits(check, 3, whit_extent(y, 2, 4), 4) &&
         whit_work_valid(whit_extent(y, 2, 1), whit_extent(&p->in_c, 1, 1));
}

WHIT_NO_SCRATCH(whit_fully_connected_f32_generic)
WHIT_LAG_NEVER(whit_fully_connected_f32_generic)
