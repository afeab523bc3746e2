/* conv2d_s8: a matrix-vector product per output position and group. */
#include "gather.h"
#include "generic.h"
#include "matvec.h"
#include "whit/params.h"

static whit_axis rows_of(const whit_conv2d_params *p) {
  return (whit_axis){p->in_h, p->out_h, p->kernel_h, p->stride_h, p->dilation_h, p->pad_top};
}

static whit_axis columns_of(const whit_conv2d_params *p) {
  return (whit_axis){p->in_w, p->out_w, p->kernel_w, p->stride_w, p->dilation_w, p->pad_left};
}

/* A window inside the input lies there in one piece, in the order of the weights. */
static bool in_one_piece(const whit_conv2d_params *p) {
  return p->groups == 1 && (p->kernel_w == 1 || p->dilation_w == 1) &&
         (p->kernel_h == 1 || (p->kernel_w == p->in_w && p->dilation_h == 1));
}

void whit_conv2d_s8_generic(const void *params, void *const operand[]) {
  const whit_conv2d_params *p = params;
  const int8_t *weights = operand[1];
  int8_t *y = operand[5];
  whit_axis rows = rows_of(p), columns = columns_of(p);
  whit_gather from = {.image = operand[0], .width = p->in_w, .channels = p->in_c,
                      .kernel_h = p->kernel_h, .kernel_w = p->kernel_w,
                      .dilation_h = p->dilation_h, .dilation_w = p->dilation_w,
                      .zero_point = p->input_zero_point};
  whit_output_stage stage = whit_output_stage_of(operand, p->count, p->output_zero_point,
                                                 p->clamp_min, p->clamp_max);
  bool direct = in_one_piece(p);
  int32_t per_group = p->in_c / p->groups, filters = p->out_c / p->groups;
  int32_t taps = p->kernel_h * p->kernel_w * per_group;
  int32_t positions = p->out_h * p->out_w;
  for (int32_t b = 0; b < p->batch; b++, from.image += (ptrdiff_t)p->in_h * p->in_w * p->in_c) {
    for (int32_t at = 0; at < positions; at++) {
      whit_window v = whit_axis_window(&rows, at / p->out_w);
      whit_window h = whit_axis_window(&columns, at % p->out_w);
      bool inside = whit_window_inside(v, p->kernel_h) && whit_window_inside(h, p->kernel_w);
      for (int32_t g = 0; g < p->groups; g++, y += filters) {
        const int8_t *window = operand[6];
        if (direct && inside) {
          window = from.image + ((ptrdiff_t)v.start * p->in_w + h.start) * p->in_c;
        } else {
          whit_gather_window(&from, operand[6], v, h, g * per_group, per_group);
        }
        whit_matvec_s8(&stage, window, weights + (ptrdiff_t)g * filters * taps, taps, g * filters,
                       filters, y);
      }
    }
  }
}

bool whit_conv2d_s8_generic_validate(const whit_check *check) {
  const whit_conv2d_params *p = check->params;
  if (p->groups < 1 || p->in_c % p->groups || p->out_c % p->groups) return false;
  const int32_t x[] = {p->batch, p->in_h, p->in_w, p->in_c};
  const int32_t weights[] = {p->out_c, p->kernel_h, p->kernel_w, p->in_c / p->groups};
  const int32_t y[] = {p->batch, p->out_h, p->out_w, p->out_c};
  whit_axis rows = rows_of(p), columns = columns_of(p);
  return whit_axis_valid(&rows) && whit_axis_valid(&columns) && whit_is_s8(p->input_zero_point) &&
         whit_fits(check, 0, whit_extent(x, 4, 1), 1) &&
         whit_fits(check, 1, whit_extent(weights, 4, 1), 1) &&
         whit_output_stage_valid(check, p->out_c, p->count, p->output_zero_point, p->clamp_min,
                                 p->clamp_max) &&
         whit_fits(check, 5, whit_extent(y, 4, 1), 1) &&
         whit_work_valid(whit_extent(y, 4, 1), whit_extent(weights + 1, 3, 1));
}

/* One window of one group, where windows are not read in place. */
uint32_t whit_conv2d_s8_generic_scratch(const void *params) {
  const whit_conv2d_params *p = params;
  whit_axis rows = rows_of(p), columns = columns_of(p);
  if (in_one_piece(p) && !whit_axis_padded(&rows) && !whit_axis_padded(&columns)) return 0;
  return (uint32_t)p->kernel_h * p->kernel_w * (uint32_t)(p->in_c / p->groups);
}

int32_t whit_conv2d_s8_generic_lag(const void *params, int operand) {
  const whit_conv2d_params *p = params;
  (void)operand;
  whit_axis rows = rows_of(p), columns = columns_of(p);
  return whit_window_lag(&rows, &columns, p->batch, p->in_c, p->out_c);
}
