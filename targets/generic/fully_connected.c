/* fully_connected_s8: a matrix-vector product per row of x. */
#include "generic.h"
#include "matvec.h"
#include "whit/params.h"

void whit_fully_connected_s8_generic(const void *params, void *const operand[]) {
  const whit_fully_connected_params *p = params;
  const int8_t *x = operand[0];
  int8_t *y = operand[5];
  whit_output_stage stage = whit_output_stage_of(operand, p->count, p->output_zero_point,
                                                 p->clamp_min, p->clamp_max);
  for (int32_t row = 0; row < p->rows; row++, x += p->in_c, y += p->out_c) {
    whit_matvec_s8(&stage, x, operand[1], p->in_c, 0, p->out_c, y);
  }
}

bool whit_fully_connected_s8_generic_validate(const whit_check *check) {
  const whit_fully_connected_params *p = check->params;
  const int32_t x[] = {p->rows, p->in_c}, weights[] = {p->out_c, p->in_c};
  const int32_t y[] = {p->rows, p->out_c};
  return whit_fits(check, 0, whit_extent(x, 2, 1), 1) &&
         whit_fits(check, 1, whit_extent(weights, 2, 1), 1) &&
         whit_output_stage_valid(check, p->out_c, p->count, p->output_zero_point, p->clamp_min,
                                 p->clamp_max) &&
         whit_fits(check, 5, whit_extent(y, 2, 1), 1) &&
         whit_work_valid(whit_extent(y, 2, 1), whit_extent(&p->in_c, 1, 1));
}

WHIT_NO_SCRATCH(whit_fully_connected_s8_generic)

/* A row is read until all its outputs are written: y must end below it. */
int32_t whit_fully_connected_s8_generic_lag(const void *params, int operand) {
  const whit_fully_connected_params *p = params;
  (void)operand;
  int64_t last = (int64_t)p->rows * p->out_c - ((int64_t)p->rows - 1) * p->in_c;
  int64_t lag = last > p->out_c ? last : p->out_c;
  return lag > (int64_t)WHIT_OFFSET_MASK ? WHIT_NO_OVERLAP : (int32_t)lag;
}
