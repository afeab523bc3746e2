/* average_pool2d_f32, max_pool2d_f32: like depthwise_conv2d_f32, gathered in y itself. */
#include <float.h>

#include "float_helpers.h"
#include "generic.h"
#include "whit/params.h"
#include "window.h"

static inline void pool(const whit_pool2d_f32_params *p, const float *x, float *y, bool average) {
  int32_t channels = p->channels, pixels = p->out_h * p->out_w;
  for (int32_t b = 0; b < p->batch; b++, x += (ptrdiff_t)p->in_h * p->in_w * channels) {
    for (int32_t at = 0; at < pixels; at++, y += channels) {
      whit_window v = whit_window_at(at / p->out_w, p->in_h, p->kernel_h, p->stride_h, 1,
                                     p->pad_top);
      whit_window h = whit_window_at(at % p->out_w, p->in_w, p->kernel_w, p->stride_w, 1,
                                     p->pad_left);
      for (int32_t c = 0; c < channels; c++) y[c] = average ? 0.0f : -FLT_MAX;
      for (int32_t ky = v.first; ky < v.end; ky++) {
        for (int32_t kx = h.first; kx < h.end; kx++) {
          const float *from =
              x + ((ptrdiff_t)(v.start + ky) * p->in_w + h.start + kx) * channels;
          if (average) {
            for (int32_t c = 0; c < channels; c++) y[c] += from[c];
          } else {
            for (int32_t c = 0; c < channels; c++) y[c] = from[c] > y[c] ? from[c] : y[c];
          }
        }
      }
      float divisor = 1.0f;
      if (average) {
        int32_t rows = v.end - v.first, columns = h.end - h.first;
        if (p->count_include_pad) {
          rows = p->in_h + p->pad_bottom - v.start;
          columns = p->in_w + p->pad_right - h.start;
          if (rows > p->kernel_h) rows = p->kernel_h;
          if (columns > p->kernel_w) columns = p->kernel_w;
        }
        divisor = (float)rows * (float)columns;
      }
      for (int32_t c = 0; c < channels; c++) {
        y[c] = whit_clamp_f32(y[c] / divisor, p->clamp_min, p->clamp_max);
      }
    }
  }
}

void whit_average_pool2d_f32_generic(const void *params, void *const operand[]) {
  pool(params, operand[0], operand[1], true);
}

void whit_max_pool2d_f32_generic(const void *params, void *const operand[]) {
  pool(params, operand[0], operand[1], false);
}

bool whit_average_pool2d_f32_generic_validate(const whit_check *check) {
  const whit_pool2d_f32_params *p = check->params;
  const int32_t x[] = {p->batch, p->in_h, p->in_w, p->channels};
  const int32_t y[] = {p->batch, p->out_h, p->out_w, p->channels};
  return whit_fits(check, 0, whit_extent(x, 4, 4), 4) &&
         whit_fits(check, 1, whit_extent(y, 4, 4), 4) &&
         whit_work_valid(whit_extent(y, 4, 1), (uint64_t)p->kernel_h * p->kernel_w) &&
         whit_window_valid(p->out_h, p->kernel_h, p->stride_h, 1) &&
         whit_window_valid(p->out_w, p->kernel_w, p->stride_w, 1);
}

bool whit_max_pool2d_f32_generic_validate(const whit_check *check) {
  return whit_average_pool2d_f32_generic_validate(check);
}

WHIT_NO_SCRATCH(whit_average_pool2d_f32_generic)
WHIT_NO_SCRATCH(whit_max_pool2d_f32_generic)
WHIT_LAG_NEVER(whit_average_pool2d_f32_generic)
WHIT_LAG_NEVER(whit_max_pool2d_f32_generic)
