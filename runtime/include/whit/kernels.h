/* Every kernel whit knows: its number, name, parameters and operands, spelled once.
 *
 * KERNEL(id, name, params, access)
 *   id      the number in records; never reused
 *   name    <operator>_<dtype>; set S defines whit_<name>_<S> and its _validate, _scratch and
 *           _lag (WHIT_DECLARE_KERNEL), all in targets/<S>/<operator>.c
 *   params  struct whit_<params>_params of params.h
 *   access  a letter an operand, in operand order:
 *           i input (arena, state or constant)   c constant   o output   s scratch (last)
 *
 * This file is read by C (include it with KERNEL defined) and by whit.runtime.kernel_table. */

/* x, weights s8 [O,KH,KW,C/groups], bias s32 [O] with the input offset folded in
 * (bias' = bias - input_zero_point * sum of the channel's weights), multipliers s32 [O or 1],
 * shifts s8 [O or 1], y, scratch: one window of one group, unless all are read in place */
KERNEL(1, conv2d_s8, conv2d, "iccccos")
/* x, weights s8 [KH,KW,C], bias s32 [C] folded as above, multipliers, shifts, y, scratch: one
 * window where there is padding. More filters than one a channel are a grouped conv2d_s8. */
KERNEL(2, depthwise_conv2d_s8, depthwise_conv2d, "iccccos")
/* x [rows,K], weights s8 [O,K], bias s32 [O] folded, multipliers [O or 1], shifts [O or 1], y */
KERNEL(3, fully_connected_s8, fully_connected, "icccco")
KERNEL(4, average_pool2d_s8, pool2d, "io")
KERNEL(5, max_pool2d_s8, pool2d, "io")
/* a, b, y; sub is add with `subtract` set */
KERNEL(6, add_s8, add_s8, "iio")
KERNEL(7, mul_s8, mul_s8, "iio")
/* x, table s32 [256], y int8 at scale 1/256 and zero point -128. Entry d is
 * exp(-beta * input scale * d) in Q0.31 as the fixed-point reference computes it, 0 where that
 * leaves d out; entry 0 is 2^31 - 1. */
KERNEL(8, softmax_s8, softmax_s8, "ico")
/* x, table [256] indexed by the stored byte as unsigned, y: any 8-bit to 8-bit function */
KERNEL(9, lookup_x8, lookup, "ico")
KERNEL(10, mean_s8, mean_s8, "io")
/* x, row table, column table, y: see resize params */
KERNEL(11, resize_bilinear_s8, resize_bilinear, "icco")
/* x, alpha (broadcast), y */
KERNEL(12, prelu_s8, prelu_s8, "iio")
/* x8: int8, or uint8 when params.is_unsigned */
KERNEL(13, quantize_f32_x8, quantize, "io")
KERNEL(14, dequantize_x8_f32, quantize, "io")

/* Data movement, for any element size. */
/* N-dimensional strided copy: transpose, slice, split, and one input of concat */
KERNEL(20, copy_any, copy, "io")
/* y only: every element set to `value`; pad is fill and copy */
KERNEL(21, fill_any, fill, "o")
/* x, row table s32 [out_h], column table s32 [out_w], y */
KERNEL(22, resize_nearest_any, resize_nearest, "icco")

/* float32: same operands, without multipliers and shifts. */
KERNEL(40, conv2d_f32, conv2d_f32, "icco")
KERNEL(41, depthwise_conv2d_f32, depthwise_conv2d_f32, "icco")
KERNEL(42, fully_connected_f32, fully_connected_f32, "icco")
KERNEL(43, average_pool2d_f32, pool2d_f32, "io")
KERNEL(44, max_pool2d_f32, pool2d_f32, "io")
KERNEL(45, add_f32, binary_f32, "iio")
KERNEL(46, sub_f32, binary_f32, "iio")
KERNEL(47, mul_f32, binary_f32, "iio")
KERNEL(48, softmax_f32, softmax_f32, "io")
KERNEL(49, clip_f32, clip_f32, "io")
KERNEL(50, sigmoid_f32, unary, "io")
KERNEL(51, tanh_f32, unary, "io")
KERNEL(52, leaky_relu_f32, leaky_relu_f32, "io")
KERNEL(53, prelu_f32, prelu_f32, "iio")
KERNEL(54, mean_f32, mean_f32, "io")
KERNEL(55, resize_bilinear_f32, resize_bilinear, "icco")
