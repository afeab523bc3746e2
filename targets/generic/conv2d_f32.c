/* conv2d_f32: direct convolution, WHIT_ROWS output channels at a time. */
#include "float_helpers.h"
#include "generic.h"
#include "whit/params.h"
#include "window.h"

/* Adds the products of one window with WHIT_ROWS filters. x: the image, at the group's first
 * channel; per_group: its channels. */
static void window_dots(const whit_conv2d_f32_params *p, whit_dots *dots, const float *x,
                        const float *const rows[WHIT_ROWS], whit_window v, whit_window h,
                        int32_t per_group) {
  /* Undilated and ungrouped, the taps of one line are contiguous in input and filter alike. */
  bool whole_lines = p->dilation_w == 1 && p->groups == 1;
  int32_t taps = h.end - h.first;
  if (taps <= 0) return;
  for (int32_t ky = v.first; ky < v.end; ky++) {
    ptrdiff_t line = (ptrdiff_t)(v.start + ky * p->dilation_h) * p->in_w;
    ptrdiff_t filter = ((ptrdiff_t)ky * p->kernel_w + h.first) * per_group;
    const float *from = x + (line + h.start + h.first * p->dilation_w) * p->in_c;
    if (whole_lines) {
      whit_dots_add(dots, from, rows, filter, taps * per_group);
      continue;
    }
    for (int32_t kx = 0; kx < taps; kx++) {
      whit_dots_add(dots, from, rows, filter, per_group);
      from += (ptrdiff_t)p->dilation_w * p->in_c;
      filter += per_group;
    }
  }
}

void whit_conv2d_f32_generic(const void *params, void *const operand[]) {
  const whit_conv2d_f32_params *p = params;
  const float *x = operand[0];
  const float *weights = operand[1];
  const float *bias = operand[2];
  float *y = operand[3];
  int32_t per_group = p->in_c / p->groups, filters = p->out_c / p->groups;
  ptrdiff_t filter_size = (ptrdiff_t)p->kernel_h * p->kernel_w * per_group;
  int32_t pixels = p->out_h * p->out_w;
  for (int32_t b = 0; b < p->batch; b++, x += (ptrdiff_t)p->in_h * p->in_w * p->in_c) {
    for (int32_t at = 0; at < pixels; at++, y += p->out_c) {
      whit_window v = whit_window_at(at / p->out_w, p->in_h, p->kernel_h, p->stride_h,
                                     p->dilation_h, p->pad_top);
      whit_window h = whit_window_at(at % p->out_w, p->in_w, p->kernel_w, p->stride_w,
                                     p->dilation_w, p->pad_left);
      for (int32_t o = 0; o < p->out_c;) {
        int32_t group = o / filters;
        int32_t left = (group + 1) * filters - o;
        if (left > WHIT_ROWS) left = WHIT_ROWS;
        whit_dots dots = {{{0}}};
        const float *rows[WHIT_ROWS];
        for (int32_t i = 0; i < WHIT_ROWS; i++) {
          rows[i] = weights + (o + (i < left ? i : left - 1)) * filter_size;
        }
        window_dots(p, &dots, x + group * per_group, rows, v, h, per_group);
        for (int32_t i = 0; i < left; i++, o++) {
          float sum = whit_dots_total(&dots, i) + (bias ? bias[o] : 0.0f);
          y[o] = whit_clamp_f32(sum, p->clamp_min, p->clamp_max);
        }
      }
    }
  }
}

bool whit_conv2d_f32_generic_validate(const whit_check *check) {
  const whit_conv2d_f32_params *p = check->params;
  if (p->groups < 1 || p->in_c % p->groups || p->out_c % p->groups) return false;
  const int32_t x[] = {p->batch, p->in_h, p->in_w, p->in_c};
  const int32_t weights[] = {p->out_c, p->kernel_h, p->kernel_w, p->in_c / p->groups};
  const int32_t y[] = {p->batch, p->out_h, p->out_w, p->out_c};
  return whit_fits(check, 0, whit_extent(x, 4, 4), 4) &&
         whit_fits(check, 1, whit_extent(weights, 4, 4), 4) &&
         whit_fits_optional(check, 2, whit_extent(&p->out_c, 1, 4), 4) &&
         whit_fits(check, 3, whit_extent(y, 4, 4), 4) &&
         whit_work_valid(whit_extent(y, 4, 1), whit_extent(weights + 1, 3, 1)) &&
         whit_window_valid(p->out_h, p->kernel_h, p->stride_h, p->dilation_h) &&
         whit_window_valid(p->out_w, p->kernel_w, p->stride_w, p->dilation_w);
}

WHIT_NO_SCRATCH(whit_conv2d_f32_generic)
WHIT_LAG_NEVER(whit_conv2d_f32_generic)
