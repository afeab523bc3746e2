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

/* The sums of `CHANNELS` channels, or of one, from x and the weights at the first of them; row and
 * column: distances of neighbouring taps in x. */
static void sum_channels(const whit_depthwise_conv2d_params *p, const int8_t *x, const int8_t *w,
                         ptrdiff_t row, ptrdiff_t column, bool all, uint32_t sums[CHANNELS]) {
  uint32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (int32_t ky = 0; ky < p->kernel_h; ky++, x += row) {
    const int8_t *at = x;
    for (int32_t kx = 0; kx < p->kernel_w; kx++, at += column, w += p->channels) {
      s0 += (uint32_t)(at[0] * w[0]);
      if (!all) continue;
      s1 += (uint32_t)(at[1] * w[1]);
      s2 += (uint32_t)(at[2] * w[2]);
      s3 += (uint32_t)(at[3] * w[3]);
    }
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
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
      ptrdiff_t row = (ptrdiff_t)p->kernel_w * p->channels, column = p->channels;
      if (whit_window_inside(v, p->kernel_h) && whit_window_inside(h, p->kernel_w)) {
        window = from.image + v.start * line + (ptrdiff_t)h.start * p->channels;
        row = p->dilation_h * line;
        column = (ptrdiff_t)p->dilation_w * p->channels;
      } else {
        whit_gather_window(&from, operand[6], v, h, 0, p->channels);
      }
      for (int32_t c = 0; c < p->channels;) {
        uint32_t sums[CHANNELS];
        bool all = p->channels - c >= CHANNELS;
        sum_channels(p, window + c, weights + c, row, column, all, sums);
        for (int i = 0; i < (all ? CHANNELS : 1); i++) *y++ = whit_output_s8(&stage, c++, sums[i]);
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
         whit_fits(check, 5, whit_extent(y, 4, 1), 1);
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
