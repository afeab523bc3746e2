/* quantize_f32_x8, dequantize_x8_f32: the boundary between real and stored numbers. */
#include <float.h>

#include "generic.h"
#include "whit/fixed_point.h"
#include "whit/params.h"

/* The nearest integer, ties away from zero; NaN gives 0. Beyond 2^20 the value is cut off there,
 * where every stored type has long saturated, so that the conversion is always defined. */
static int32_t round_half_away(float x) {
  const float limit = 1048576.0f;
  if (!(x > -limit)) return x < 0.0f ? -1048576 : 0;
  if (x > limit) return 1048576;
  int32_t whole = (int32_t)x;
  float part = x - (float)whole;
  return whole + (part >= 0.5f) - (part <= -0.5f);
}

static int32_t lowest(const whit_quantize_params *p) { return p->is_unsigned ? 0 : -128; }

void whit_quantize_f32_x8_generic(const void *params, void *const operand[]) {
  const whit_quantize_params *p = params;
  const float *x = operand[0];
  uint8_t *y = operand[1];
  int32_t low = lowest(p);
  for (int32_t i = 0; i < p->count; i++) {
    int32_t stored = round_half_away(x[i] / p->scale) + p->zero_point;
    y[i] = (uint8_t)whit_clamp(stored, low, low + 255);
  }
}

void whit_dequantize_x8_f32_generic(const void *params, void *const operand[]) {
  const whit_quantize_params *p = params;
  const uint8_t *x = operand[0];
  float *y = operand[1];
  int32_t flip = p->is_unsigned ? 0 : 128;
  for (int32_t i = 0; i < p->count; i++) {
    int32_t stored = (x[i] ^ flip) - flip;
    y[i] = p->scale * (float)(stored - p->zero_point);
  }
}

static bool valid(const whit_check *check, int real, int stored) {
  const whit_quantize_params *p = check->params;
  int32_t low = lowest(p);
  return p->scale > 0.0f && p->scale <= FLT_MAX && (p->is_unsigned == 0 || p->is_unsigned == 1) &&
         p->zero_point >= low && p->zero_point <= low + 255 &&
         whit_fits(check, real, whit_extent(&p->count, 1, 4), 4) &&
         whit_fits(check, stored, whit_extent(&p->count, 1, 1), 1);
}

bool whit_quantize_f32_x8_generic_validate(const whit_check *check) { return valid(check, 0, 1); }
bool whit_dequantize_x8_f32_generic_validate(const whit_check *check) { return valid(check, 1, 0); }

WHIT_NO_SCRATCH(whit_quantize_f32_x8_generic)
WHIT_NO_SCRATCH(whit_dequantize_x8_f32_generic)
WHIT_LAG_IN_PLACE(whit_quantize_f32_x8_generic)

/* Element i is written to bytes [4i, 4i + 4) while bytes from i + 1 on are still to be read. */
int32_t whit_dequantize_x8_f32_generic_lag(const void *params, int operand) {
  const whit_quantize_params *p = params;
  (void)operand;
  return p->count < 2 ? 0 : 3 * (p->count - 1);
}
