/* depthwise_conv2d_f32: the pixel being computed gathers its taps in y itself, so that the inner
 * loop runs along contiguous channels. */
#include "float_helpers.h"
#include "generic.h"
#include "whit/params.h"
#include "window.h"

static void add_tap(const float *x, const float *w, float *y, int32_t channels,
                    int32_t multiplier) {
  if (multiplier == 1) {
    for (int32_t c = 0; c < channels; c++) y[c] += x[c] * w[c];
    return;
  }
  for (int32_t c = 0; c < channels; c++) {
    for (int32_t m = 0; m < multiplier; m++) *y++ += x[c] * *w++;
  }
}

void whit_depthwise_conv2d_f32_generic(const void *params, void *const operand[]) {
  const whit_depthwise_conv2d_f32_params *p = params;
  const float *x = operand[0];
  const float *weights = operand[1];
  const float *bias = operand[2];
  float *y = operand[3];
  int32_t out_c = p->in_c * p->multiplier, pixels = p->out_h * p->out_w;
  for (int32_t b = 0; b < p->batch; b++, x += (ptrdiff_t)p->in_h * p->in_w * p->in_c) {
    for (int32_t at = 0; at < pixels; at++, y += out_c) {
      whit_window v = whit_window_at(at / p->out_w, p->in_h, p->kernel_h, p->stride_h,
                                     p->dilation_h, p->pad_top);
      whit_window h = whit_window_at(at % p->out_w, p->in_w, p->kernel_w, p->stride_w,
                                     p->dilation_w, p->pad_left);
      for (int32_t o = 0; o < out_c; o++) y[o] = bias ? bias[o] : 0.0f;
      for (int32_t ky = v.first; ky < v.end; ky++) {
        ptrdiff_t line = (ptrdiff_t)(v.start + ky * p->dilation_h) * p->in_w + h.start;
        for (int32_t kx = h.first; kx < h.end; kx++) {
          add_tap(x + (line + kx * p->dilation_w) * p->in_c,
                  weights + ((ptrdiff_t)ky * p->kernel_w + kx) * out_c, y, p->in_c, p->multiplier);
        }
      }
      for (int32_t o = 0; o < out_c; o++) y[o] = whit_clamp_f32(y[o], p->clamp_min, p->clamp_max);
    }
  }
}

bool whit_depthwise_conv2d_f32_generic_validate(const whit_check *check) {
  const whit_depthwise_conv2d_f32_params *p = check->params;
  const int32_t x[] = {p->batch, p->in_h, p->in_w, p->in_c};
  const int32_t weights[] = {p->kernel_h, p->kernel_w, p->in_c, p->multiplier};
  const int32_t y[] = {p->batch, p->out_h, p->out_w, p->in_c, p->multiplier};
  return whit_fits(check, 0, whit_extent(x, 4, 4), 4) &&
         whit_fits(check, 1, whit_extent(weights, 4, 4), 4) &&
         whit_fits_optional(check, 2, whit_extent(weights + 2, 2, 4), 4) &&
         whit_fits(check, 3, whit_extent(y, 5, 4), 4) &&
         whit_work_valid(whit_extent(y, 5, 1), whit_extent(weights, 2, 1)) &&
         whit_window_valid(p->out_h, p->kernel_h, p->stride_h, p->dilation_h) &&
         whit_window_valid(p->out_w, p->kernel_w, p->stride_w, p->dilation_w);
}

WHIT_NO_SCRATCH(whit_depthwise_conv2d_f32_generic)
WHIT_LAG_NEVER(whit_depthwise_conv2d_f32_generic)
