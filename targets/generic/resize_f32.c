/* resize_bilinear_f32: the tables say which pixels each output pixel mixes, and how. */
#include "generic.h"
#include "whit/params.h"

typedef struct {
  int32_t lower;
  int32_t upper;
  float lower_weight;
  float upper_weight;
} source;

void whit_resize_bilinear_f32_generic(const void *params, void *const operand[]) {
  const whit_resize_bilinear_params *p = params;
  const float *x = operand[0];
  const source *rows = operand[1];
  const source *columns = operand[2];
  float *y = operand[3];
  ptrdiff_t c = p->channels, line = c * p->in_w;
  for (int32_t b = 0; b < p->batch; b++, x += line * p->in_h) {
    for (int32_t i = 0; i < p->out_h; i++) {
      const source *row = &rows[i];
      const float *upper_line = x + row->lower * line;
      const float *lower_line = x + row->upper * line;
      for (int32_t j = 0; j < p->out_w; j++, y += c) {
        const source *column = &columns[j];
        float left = column->lower_weight, right = column->upper_weight;
        const float *x00 = upper_line + column->lower * c, *x01 = upper_line + column->upper * c;
        const float *x10 = lower_line + column->lower * c, *x11 = lower_line + column->upper * c;
        for (int32_t k = 0; k < p->channels; k++) {
          y[k] = (x00[k] * left + x01[k] * right) * row->lower_weight +
                 (x10[k] * left + x11[k] * right) * row->upper_weight;
        }
      }
    }
  }
}

static bool table_valid(const whit_check *check, int operand, int32_t count, int32_t size) {
  if (!whit_fits(check, operand, whit_extent(&count, 1, sizeof(source)), 4)) return false;
  const void *bytes = check->constants + (check->references[operand] & WHIT_OFFSET_MASK);
  const source *table = bytes;
  for (int32_t i = 0; i < count; i++) {
    if (table[i].lower < 0 || table[i].lower >= size || table[i].upper < 0 ||
        table[i].upper >= size) {
      return false;
    }
  }
  return true;
}

bool whit_resize_bilinear_f32_generic_validate(const whit_check *check) {
  const whit_resize_bilinear_params *p = check->params;
  const int32_t x[] = {p->batch, p->in_h, p->in_w, p->channels};
  const int32_t y[] = {p->batch, p->out_h, p->out_w, p->channels};
  return whit_fits(check, 0, whit_extent(x, 4, 4), 4) &&
         whit_fits(check, 3, whit_extent(y, 4, 4), 4) &&
         table_valid(check, 1, p->out_h, p->in_h) && table_valid(check, 2, p->out_w, p->in_w);
}

WHIT_NO_SCRATCH(whit_resize_bilinear_f32_generic)
WHIT_LAG_NEVER(whit_resize_bilinear_f32_generic)
