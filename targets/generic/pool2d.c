/* average_pool2d_s8, max_pool2d_s8. */
#include "generic.h"
#include "integer.h"
#include "whit/params.h"
#include "window.h"

static whit_axis rows_of(const whit_pool2d_params *p) {
  return (whit_axis){p->in_h, p->out_h, p->kernel_h, p->stride_h, 1, p->pad_top};
}

static whit_axis columns_of(const whit_pool2d_params *p) {
  return (whit_axis){p->in_w, p->out_w, p->kernel_w, p->stride_w, 1, p->pad_left};
}

/* Of the window's taps those inside the input and its padding. */
static int32_t padded_taps(const whit_axis *axis, whit_window window, int32_t pad_end) {
  int32_t room = axis->size + pad_end - window.start;
  return room < axis->kernel ? room : axis->kernel;
}

/* Nearest, ties away from zero. */
static int32_t divide(int32_t sum, int32_t count) {
  return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

/* `average` is a constant wherever this is inlined. */
static inline void pool(const whit_pool2d_params *p, void *const operand[], bool average) {
  const int8_t *image = operand[0];
  int8_t *y = operand[1];
  whit_axis rows = rows_of(p), columns = columns_of(p);
  ptrdiff_t line = (ptrdiff_t)p->in_w * p->channels;
  int32_t positions = p->out_h * p->out_w;
  for (int32_t b = 0; b < p->batch; b++, image += p->in_h * line) {
    for (int32_t position = 0; position < positions; position++) {
      whit_window v = whit_axis_window(&rows, position / p->out_w);
      whit_window h = whit_axis_window(&columns, position % p->out_w);
      int32_t height = v.end - v.first, width = h.end - h.first;
      int32_t count = height * width, padding = 0;
      if (average && p->count_include_pad) {
        int32_t whole = padded_taps(&rows, v, p->pad_bottom) * padded_taps(&columns, h, p->pad_right);
        padding = (whole - count) * p->zero_point;
        count = whole;
      }
      const int8_t *window = image + (v.start + v.first) * line +
                             (ptrdiff_t)(h.start + h.first) * p->channels;
      for (int32_t c = 0; c < p->channels; c++) {
        int32_t result = average ? padding : INT8_MIN;
        const int8_t *row = window + c;
        for (int32_t ky = 0; ky < height; ky++, row += line) {
          const int8_t *at = row;
          for (int32_t kx = 0; kx < width; kx++, at += p->channels) {
            if (average) result += *at; else if (*at > result) result = *at;
          }
        }
        if (average) result = divide(result, count);
        *y++ = (int8_t)whit_clamp(result, p->clamp_min, p->clamp_max);
      }
    }
  }
}

void whit_average_pool2d_s8_generic(const void *params, void *const operand[]) {
  pool(params, operand, true);
}

void whit_max_pool2d_s8_generic(const void *params, void *const operand[]) {
  pool(params, operand, false);
}

/* Every window overlaps the input, so that no average is of nothing. */
static bool overlaps(const whit_axis *axis) {
  return axis->pad < axis->kernel && (axis->count - 1) * axis->stride - axis->pad < axis->size;
}

bool whit_average_pool2d_s8_generic_validate(const whit_check *check) {
  const whit_pool2d_params *p = check->params;
  const int32_t x[] = {p->batch, p->in_h, p->in_w, p->channels};
  const int32_t y[] = {p->batch, p->out_h, p->out_w, p->channels};
  whit_axis rows = rows_of(p), columns = columns_of(p);
  /* 2^23 elements of a window cannot overflow their sum. */
  return whit_axis_valid(&rows) && whit_axis_valid(&columns) && overlaps(&rows) &&
         overlaps(&columns) && (uint32_t)p->kernel_h * p->kernel_w <= (uint32_t)1 << 23 &&
         whit_clamp_valid(p->clamp_min, p->clamp_max) &&
         whit_fits(check, 0, whit_extent(x, 4, 1), 1) &&
         whit_fits(check, 1, whit_extent(y, 4, 1), 1) &&
         whit_work_valid(whit_extent(y, 4, 1), (uint64_t)p->kernel_h * p->kernel_w);
}

bool whit_max_pool2d_s8_generic_validate(const whit_check *check) {
  return whit_average_pool2d_s8_generic_validate(check);
}

WHIT_NO_SCRATCH(whit_average_pool2d_s8_generic)
WHIT_NO_SCRATCH(whit_max_pool2d_s8_generic)

int32_t whit_average_pool2d_s8_generic_lag(const void *params, int operand) {
  const whit_pool2d_params *p = params;
  (void)operand;
  whit_axis rows = rows_of(p), columns = columns_of(p);
  return whit_window_lag(&rows, &columns, p->batch, p->channels, p->channels);
}

int32_t whit_max_pool2d_s8_generic_lag(const void *params, int operand) {
  return whit_average_pool2d_s8_generic_lag(params, operand);
}
