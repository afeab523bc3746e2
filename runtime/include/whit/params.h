/* Kernel parameters, as they stand in a record.
 *
 * Read by C and by whit.runtime.kernel_table, so: one member a line, types int32_t uint32_t
 * int16_t uint16_t int8_t uint8_t float, arrays with a plain number or WHIT_MAX_DIMS, no nested structs,
 * and no padding holes. Sizes are in elements unless they say bytes. A "count" member is how many
 * entries a per-channel table has: 1 (per tensor) or the number of output channels. */
#ifndef WHIT_PARAMS_H
#define WHIT_PARAMS_H

#include <stdint.h>

#include "whit.h"

typedef struct {
  int32_t batch;
  int32_t in_h;
  int32_t in_w;
  int32_t in_c;
  int32_t out_h;
  int32_t out_w;
  int32_t out_c;
  uint16_t kernel_h;
  uint16_t kernel_w;
  uint16_t stride_h;
  uint16_t stride_w;
  uint16_t dilation_h;
  uint16_t dilation_w;
  uint16_t pad_top;
  uint16_t pad_left;
  int32_t groups;
  int32_t count;
  int16_t input_zero_point;
  int16_t output_zero_point;
  int16_t clamp_min;
  int16_t clamp_max;
} whit_conv2d_params;

typedef struct {
  int32_t batch;
  int32_t in_h;
  int32_t in_w;
  int32_t channels;
  int32_t out_h;
  int32_t out_w;
  uint16_t kernel_h;
  uint16_t kernel_w;
  uint16_t stride_h;
  uint16_t stride_w;
  uint16_t dilation_h;
  uint16_t dilation_w;
  uint16_t pad_top;
  uint16_t pad_left;
  int32_t count;
  int16_t input_zero_point;
  int16_t output_zero_point;
  int16_t clamp_min;
  int16_t clamp_max;
} whit_depthwise_conv2d_params;

typedef struct {
  int32_t rows;
  int32_t in_c;
  int32_t out_c;
  int32_t count;
  int16_t output_zero_point;
  int16_t clamp_min;
  int16_t clamp_max;
  int16_t reserved;
} whit_fully_connected_params;

typedef struct {
  int32_t batch;
  int32_t in_h;
  int32_t in_w;
  int32_t channels;
  int32_t out_h;
  int32_t out_w;
  uint16_t kernel_h;
  uint16_t kernel_w;
  uint16_t stride_h;
  uint16_t stride_w;
  uint16_t pad_top;
  uint16_t pad_left;
  int16_t clamp_min;
  int16_t clamp_max;
  /* average only: divide by the whole window, its padded part (whose elements read as zero_point)
   * clipped to pad_bottom and pad_right, instead of by the part inside the input */
  uint8_t count_include_pad;
  int8_t zero_point;
  uint16_t pad_bottom;
  uint16_t pad_right;
  uint16_t reserved;
} whit_pool2d_params;

/* Broadcasting: y has extents dims[0..rank); an operand's stride is in elements, 0 where it
 * repeats. y is contiguous. Rank is at least 1. */
typedef struct {
  int32_t rank;
  int32_t dims[WHIT_MAX_DIMS];
  int32_t a_strides[WHIT_MAX_DIMS];
  int32_t b_strides[WHIT_MAX_DIMS];
  int32_t a_multiplier;
  int32_t b_multiplier;
  int32_t output_multiplier;
  int8_t a_shift;
  int8_t b_shift;
  int8_t output_shift;
  uint8_t left_shift;
  int16_t a_zero_point;
  int16_t b_zero_point;
  int16_t output_zero_point;
  int16_t clamp_min;
  int16_t clamp_max;
  uint8_t subtract;
  uint8_t reserved;
} whit_add_s8_params;

typedef struct {
  int32_t rank;
  int32_t dims[WHIT_MAX_DIMS];
  int32_t a_strides[WHIT_MAX_DIMS];
  int32_t b_strides[WHIT_MAX_DIMS];
  int32_t output_multiplier;
  int16_t a_zero_point;
  int16_t b_zero_point;
  int16_t output_zero_point;
  int16_t clamp_min;
  int16_t clamp_max;
  int8_t output_shift;
  uint8_t reserved;
} whit_mul_s8_params;

/* x and y have the same extents; alpha strides as for broadcasting. */
typedef struct {
  int32_t rank;
  int32_t dims[WHIT_MAX_DIMS];
  int32_t alpha_strides[WHIT_MAX_DIMS];
  int32_t positive_multiplier;
  int32_t negative_multiplier;
  int8_t positive_shift;
  int8_t negative_shift;
  int16_t input_zero_point;
  int16_t alpha_zero_point;
  int16_t output_zero_point;
} whit_prelu_s8_params;

typedef struct {
  int32_t rows;
  int32_t columns;
} whit_softmax_s8_params;

typedef struct {
  int32_t count;
} whit_lookup_params;

/* A reduction as two nests: `kept` extents walk the output in order, `reduced` extents walk what
 * is summed into one element; strides are in elements of x. Unused extents, the outer ones, are 1.
 * s8: `offset`, -zero point * elements summed, is added to each sum, and the multiplier divides. */
typedef struct {
  int32_t kept[WHIT_MAX_DIMS];
  int32_t kept_strides[WHIT_MAX_DIMS];
  int32_t reduced[WHIT_MAX_DIMS];
  int32_t reduced_strides[WHIT_MAX_DIMS];
  int32_t multiplier;
  int32_t shift;
  int32_t offset;
  int32_t output_zero_point;
} whit_mean_s8_params;

/* The tables hold, per output row and per output column, what source_positions() of the catalogue
 * gives: s8: s32 [n][4] {lower index, upper index, weight of lower, weight of upper} in the
 * reference's fixed point; f32: the two indices as s32 and the two weights as float bits. */
typedef struct {
  int32_t batch;
  int32_t in_h;
  int32_t in_w;
  int32_t channels;
  int32_t out_h;
  int32_t out_w;
} whit_resize_bilinear_params;

typedef struct {
  int32_t batch;
  int32_t in_h;
  int32_t in_w;
  int32_t pixel_bytes;
  int32_t out_h;
  int32_t out_w;
} whit_resize_nearest_params;

/* real = scale * (stored - zero_point) */
typedef struct {
  int32_t count;
  float scale;
  int32_t zero_point;
  int32_t is_unsigned;
} whit_quantize_params;

/* y[y_offset + sum i*y_strides] = x[x_offset + sum i*x_strides] for every index i below dims;
 * strides and offsets in elements of element_bytes (1, 2, 4 or 8); x strides may be negative. */
typedef struct {
  int32_t element_bytes;
  int32_t rank;
  int32_t dims[WHIT_MAX_DIMS];
  int32_t x_offset;
  int32_t x_strides[WHIT_MAX_DIMS];
  int32_t y_offset;
  int32_t y_strides[WHIT_MAX_DIMS];
} whit_copy_params;

/* `value` holds the element's bytes, low byte first; elements of 8 bytes repeat it sign-extended. */
typedef struct {
  int32_t element_bytes;
  int32_t count;
  int32_t value;
} whit_fill_params;

typedef struct {
  int32_t batch;
  int32_t in_h;
  int32_t in_w;
  int32_t in_c;
  int32_t out_h;
  int32_t out_w;
  int32_t out_c;
  uint16_t kernel_h;
  uint16_t kernel_w;
  uint16_t stride_h;
  uint16_t stride_w;
  uint16_t dilation_h;
  uint16_t dilation_w;
  uint16_t pad_top;
  uint16_t pad_left;
  int32_t groups;
  float clamp_min;
  float clamp_max;
} whit_conv2d_f32_params;

typedef struct {
  int32_t batch;
  int32_t in_h;
  int32_t in_w;
  int32_t in_c;
  int32_t out_h;
  int32_t out_w;
  int32_t multiplier;
  uint16_t kernel_h;
  uint16_t kernel_w;
  uint16_t stride_h;
  uint16_t stride_w;
  uint16_t dilation_h;
  uint16_t dilation_w;
  uint16_t pad_top;
  uint16_t pad_left;
  float clamp_min;
  float clamp_max;
} whit_depthwise_conv2d_f32_params;

typedef struct {
  int32_t rows;
  int32_t in_c;
  int32_t out_c;
  float clamp_min;
  float clamp_max;
} whit_fully_connected_f32_params;

typedef struct {
  int32_t batch;
  int32_t in_h;
  int32_t in_w;
  int32_t channels;
  int32_t out_h;
  int32_t out_w;
  uint16_t kernel_h;
  uint16_t kernel_w;
  uint16_t stride_h;
  uint16_t stride_w;
  uint16_t pad_top;
  uint16_t pad_left;
  uint16_t pad_bottom;
  uint16_t pad_right;
  float clamp_min;
  float clamp_max;
  uint32_t count_include_pad;
} whit_pool2d_f32_params;

typedef struct {
  int32_t rank;
  int32_t dims[WHIT_MAX_DIMS];
  int32_t a_strides[WHIT_MAX_DIMS];
  int32_t b_strides[WHIT_MAX_DIMS];
  float clamp_min;
  float clamp_max;
} whit_binary_f32_params;

typedef struct {
  int32_t rank;
  int32_t dims[WHIT_MAX_DIMS];
  int32_t alpha_strides[WHIT_MAX_DIMS];
} whit_prelu_f32_params;

typedef struct {
  int32_t rows;
  int32_t columns;
  float beta;
} whit_softmax_f32_params;

typedef struct {
  int32_t count;
  float min;
  float max;
} whit_clip_f32_params;

typedef struct {
  int32_t count;
} whit_unary_params;

typedef struct {
  int32_t count;
  float alpha;
} whit_leaky_relu_f32_params;

typedef struct {
  int32_t kept[WHIT_MAX_DIMS];
  int32_t kept_strides[WHIT_MAX_DIMS];
  int32_t reduced[WHIT_MAX_DIMS];
  int32_t reduced_strides[WHIT_MAX_DIMS];
} whit_mean_f32_params;

#endif
