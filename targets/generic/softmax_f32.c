/* softmax_f32 over contiguous rows. */
#include "generic.h"
#include "whit/float_math.h"
#include "whit/params.h"

void whit_softmax_f32_generic(const void *params, void *const operand[]) {
  const whit_softmax_f32_params *p = params;
  const float *x = operand[0];
  float *y = operand[1];
  int32_t columns = p->columns;
  for (int32_t r = 0; r < p->rows; r++, x += columns, y += columns) {
    float peak = x[0];
    for (int32_t c = 1; c < columns; c++) peak = x[c] > peak ? x[c] : peak;
    float sum = 0.0f;
    for (int32_t c = 0; c < columns; c++) {
      y[c] = whit_expf((x[c] - peak) * p->beta);
      sum += y[c];
    }
    for (int32_t c = 0; c < columns; c++) y[c] = y[c] / sum;
  }
}

bool whit_softmax_f32_generic_validate(const whit_check *check) {
  const whit_softmax_f32_params *p = check->params;
  const int32_t dims[] = {p->rows, p->columns};
  return whit_fits(check, 0, whit_extent(dims, 2, 4), 4) &&
         whit_fits(check, 1, whit_extent(dims, 2, 4), 4);
}

WHIT_NO_SCRATCH(whit_softmax_f32_generic)
WHIT_LAG_IN_PLACE(whit_softmax_f32_generic)
