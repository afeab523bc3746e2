/* depthwise_conv2d_s8: every channel its own filter. */
#include "gather.h"
#include "generic.h"
#include "integer.h"
#include "whit/params.h"

#define CHANNELS 4 /* computed together */

static whit_axis rows_of(const whit_depthwise_conv2d_params *p) {
  return (whit_axis){p->in_h, p->out_h, p->kernel_h, p->stride_h, p->dilation_h, p->pad_top};
}

static whit_axis columns_of(const whit_depthwise_conv2d_params *p) {
  return (whit_axis){p->in_w, p->out_w, p->kernel_w, p->stride_w, p->dilation_w, p->pad_left};
}

/* Where the taps of a window lie. row, column: distances of neighbouring taps in x. */
typedef struct {
  int32_t height;
  int32_t width;
  ptrdiff_t row;
  ptrdiff_t column;
  ptrdiff_t channels;
} taps;

/* x and weights: at the first of the channels summed. */
WHIT_TIGHT void four_channels(const taps *t, const int8_t *x, const int8_t *weights,
                              uint32_t sums[CHANNELS]) {
  uint32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (int32_t ky = 0; ky < t->height; ky++, x += t->row) {
    const int8_t *at = x;
    WHIT_KEEP_ROLLED
    for (int32_t kx = 0; kx < t->width; kx++) {
      s0 += (uint32_t)(at[0] * weights[0]);
      s1 += (uint32_t)(at[1] * weights[1]);
      s2 += (uint32_t)(at[2] * weights[2]);
      s3 += (uint32_t)(at[3] * weights[3]);
      at += t->column;
      weights += t->channels;
    }
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
}

static uint32_t one_channel(const taps *t, const int8_t *x, const int8_t *weights) {
  uint32_t sum = 0;
  for (int32_t ky = 0; ky < t->height; ky++, x += t->row) {
    const int8_t *at = x;
    for (int32_t kx = 0; kx < t->width; kx++, at += t->column, weights += t->channels) {
      sum += (uint32_t)(*at * *weights);
    }
  }
  return sum;
}

void whit_depthwise_conv2d_s8_generic(const void *params, void *const operand[]) {
  const whit_depthwise_conv2d_params *p = params;
  const int8_t *weights = operand[1];
  int8_t *y = operand[5];
  whit_axis rows = rows_of(p), columns = columns_of(p);
  whit_gather from = {.image = operand[0], .width = p->in_w, .channels = p->channels,
                      .kernel_h = p->kernel_h, .kernel_w = p->kernel_w,
                      .dilation_h = p->dilation_h, .dilation_w = p->dilation_w,
                      .zero_point = p->input_zero_point};
  whit_output_stage stage = whit_output_stage_of(operand, p->count, p->output_zero_point,
                                                 p->clamp_min, p->clamp_max);
  ptrdiff_t line = (ptrdiff_t)p->in_w * p->channels;
  int32_t positions = p->out_h * p->out_w;
  for (int32_t b = 0; b < p->batch; b++, from.image += p->in_h * line) {
    for (int32_t position = 0; position < positions; position++) {
      whit_window v = whit_axis_window(&rows, position / p->out_w);
      whit_window h = whit_axis_window(&columns, position % p->out_w);
      const int8_t *window = operand[6];
      taps t = {p->kernel_h, p->kernel_w, (ptrdiff_t)p->kernel_w * p->channels, p->channels,
                p->channels};
      if (whit_window_inside(v, p->kernel_h) && whit_window_inside(h, p->kernel_w)) {
        window = from.image + v.start * line + (ptrdiff_t)h.start * p->channels;
        t.row = p->dilation_h * line;
        t.column = (ptrdiff_t)p->dilation_w * p->channels;
      } else {
        whit_gather_window(&from, operand[6], v, h, 0, p->channels);
      }
      for (int32_t c = 0; c < p->channels;) {
        uint32_t sums[CHANNELS];
        int32_t now = 1;
        if (p->channels - c >= CHANNELS) {
          four_channels(&t, window + c, weights + c, sums);
          now = CHANNELS;
        } else {
          sums[0] = one_channel(&t, window + c, weights + c);
        }
        for (int32_t i = 0; i < now; i++) *y++ = whit_output_s8(&stage, c++, sums[i]);
      }
    }
  }
}

bool whit_depthwise_conv2d_s8_generic_validate(const whit_check *check) {
  const whit_depthwise_conv2d_params *p = check->params;
  const int32_t x[] = {p->batch, p->in_h, p->in_w, p->channels};
  const int32_t weights[] = {p->kernel_h, p->kernel_w, p->channels};
  const int32_t y[] = {p->batch, p->out_h, p->out_w, p->channels};
  whit_axis rows = rows_of(p), columns = columns_of(p);
  return whit_axis_valid(&rows) && whit_axis_valid(&columns) && whit_is_s8(p->input_zero_point) &&
         whit_fits(check, 0, whit_extent(x, 4, 1), 1) &&
         whit_fits(check, 1, whit_extent(weights, 3, 1), 1) &&
         whit_output_stage_valid(check, p->channels, p->count, p->output_zero_point, p->clamp_min,
                                 p->clamp_max) &&
         whit_fits(check, 5, whit_extent(y, 4, 1), 1) &&
         whit_work_valid(whit_extent(y, 4, 1), whit_extent(weights, 2, 1));
}

/* One window, where any reaches into the padding. */
uint32_t whit_depthwise_conv2d_s8_generic_scratch(const void *params) {
  const whit_depthwise_conv2d_params *p = params;
  whit_axis rows = rows_of(p), columns = columns_of(p);
  if (!whit_axis_padded(&rows) && !whit_axis_padded(&columns)) return 0;
  return (uint32_t)p->kernel_h * p->kernel_w * (uint32_t)p->channels;
}

int32_t whit_depthwise_conv2d_s8_generic_lag(const void *params, int operand) {
  const whit_depthwise_conv2d_params *p = params;
  (void)operand;
  whit_axis rows = rows_of(p), columns = columns_of(p);
  return whit_window_lag(&rows, &columns, p->batch, p->channels, p->channels);
}
