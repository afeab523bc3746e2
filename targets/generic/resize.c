/* resize_bilinear_s8, resize_nearest_any: the tables say which pixels each output pixel reads. */
#include <string.h>

#include "generic.h"
#include "whit/params.h"

#define FRACTION_BITS 10

typedef struct {
  int32_t lower;
  int32_t upper;
  int32_t lower_weight;
  int32_t upper_weight;
} source;

void whit_resize_bilinear_s8_generic(const void *params, void *const operand[]) {
  const whit_resize_bilinear_params *p = params;
  const int8_t *x = operand[0];
  const source *rows = operand[1];
  const source *columns = operand[2];
  int8_t *y = operand[3];
  ptrdiff_t c = p->channels, line = c * p->in_w;
  for (int32_t b = 0; b < p->batch; b++, x += line * p->in_h) {
    for (int32_t i = 0; i < p->out_h; i++) {
      const source *row = &rows[i];
      const int8_t *upper_line = x + row->lower * line;
      const int8_t *lower_line = x + row->upper * line;
      for (int32_t j = 0; j < p->out_w; j++) {
        const source *column = &columns[j];
        int32_t w00 = row->lower_weight * column->lower_weight;
        int32_t w01 = row->lower_weight * column->upper_weight;
        int32_t w10 = row->upper_weight * column->lower_weight;
        int32_t w11 = row->upper_weight * column->upper_weight;
        ptrdiff_t left = column->lower * c, right = column->upper * c;
        for (int32_t k = 0; k < p->channels; k++) {
          int32_t sum = w00 * upper_line[left + k] + w01 * upper_line[right + k] +
                        w10 * lower_line[left + k] + w11 * lower_line[right + k];
          const int32_t half = 1 << (2 * FRACTION_BITS - 1);
          *y++ = (int8_t)((sum + (sum > 0 ? half : -half)) / (1 << 2 * FRACTION_BITS));
        }
      }
    }
  }
}

void whit_resize_nearest_any_generic(const void *params, void *const operand[]) {
  const whit_resize_nearest_params *p = params;
  const uint8_t *x = operand[0];
  const int32_t *rows = operand[1];
  const int32_t *columns = operand[2];
  uint8_t *y = operand[3];
  size_t pixel = (size_t)p->pixel_bytes, line = pixel * (size_t)p->in_w;
  for (int32_t b = 0; b < p->batch; b++, x += line * (size_t)p->in_h) {
    for (int32_t i = 0; i < p->out_h; i++) {
      for (int32_t j = 0; j < p->out_w; j++, y += pixel) {
        memmove(y, x + (size_t)rows[i] * line + (size_t)columns[j] * pixel, pixel);
      }
    }
  }
}

static uint64_t image(int32_t batch, int32_t height, int32_t width, int32_t pixel) {
  const int32_t dims[] = {batch, height, width, pixel};
  return whit_extent(dims, 4, 1);
}

static bool indices_valid(const int32_t *index, int32_t count, int32_t stride, int32_t size) {
  for (int32_t i = 0; i < count; i++, index += stride) {
    if (*index < 0 || *index >= size) return false;
  }
  return true;
}

static int32_t magnitude(int32_t x) { return x == INT32_MIN ? INT32_MAX : x < 0 ? -x : x; }

static bool table_valid(const whit_check *check, int operand, int32_t count, int32_t size) {
  if (!whit_fits(check, operand, whit_extent(&count, 1, sizeof(source)), 4)) return false;
  const void *bytes = check->constants + (check->references[operand] & WHIT_OFFSET_MASK);
  const source *table = bytes;
  for (int32_t i = 0; i < count; i++) {
    /* Two such pairs multiplied, times 4 values of 8 bits, stay within 2^29. */
    const int32_t limit = 2 << FRACTION_BITS;
    int32_t a = magnitude(table[i].lower_weight), b = magnitude(table[i].upper_weight);
    if (a > limit || b > limit || a + b > limit) return false;
  }
  return indices_valid(&table->lower, count, 4, size) &&
         indices_valid(&table->upper, count, 4, size);
}

bool whit_resize_bilinear_s8_generic_validate(const whit_check *check) {
  const whit_resize_bilinear_params *p = check->params;
  return whit_fits(check, 0, image(p->batch, p->in_h, p->in_w, p->channels), 1) &&
         whit_fits(check, 3, image(p->batch, p->out_h, p->out_w, p->channels), 1) &&
         table_valid(check, 1, p->out_h, p->in_h) && table_valid(check, 2, p->out_w, p->in_w);
}

static bool positions_valid(const whit_check *check, int operand, int32_t count, int32_t size) {
  if (!whit_fits(check, operand, whit_extent(&count, 1, 4), 4)) return false;
  const void *bytes = check->constants + (check->references[operand] & WHIT_OFFSET_MASK);
  return indices_valid(bytes, count, 1, size);
}

bool whit_resize_nearest_any_generic_validate(const whit_check *check) {
  const whit_resize_nearest_params *p = check->params;
  return whit_fits(check, 0, image(p->batch, p->in_h, p->in_w, p->pixel_bytes), 1) &&
         whit_fits(check, 3, image(p->batch, p->out_h, p->out_w, p->pixel_bytes), 1) &&
         positions_valid(check, 1, p->out_h, p->in_h) &&
         positions_valid(check, 2, p->out_w, p->in_w);
}

WHIT_NO_SCRATCH(whit_resize_bilinear_s8_generic)
WHIT_NO_SCRATCH(whit_resize_nearest_any_generic)
WHIT_LAG_NEVER(whit_resize_bilinear_s8_generic)
WHIT_LAG_NEVER(whit_resize_nearest_any_generic)
