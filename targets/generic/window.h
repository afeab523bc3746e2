/* Sliding windows along one axis: which of a window's taps lie inside the input. */
#ifndef WHIT_GENERIC_WINDOW_H
#define WHIT_GENERIC_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "whit/kernel.h"

/* Tap t reads start + t * dilation; taps [first, end) are inside. start may be negative. */
typedef struct {
  int32_t start;
  int32_t first;
  int32_t end;
} whit_window;

static inline whit_window whit_window_at(int32_t position, int32_t size, int32_t kernel,
                                         int32_t stride, int32_t dilation, int32_t pad) {
  whit_window window = {.start = position * stride - pad};
  int32_t room = size - window.start;
  window.first = window.start < 0 ? (dilation - 1 - window.start) / dilation : 0;
  window.end = room > 0 ? (room + dilation - 1) / dilation : 0;
  if (window.end > kernel) window.end = kernel;
  if (window.first > window.end) window.first = window.end;
  return window;
}

/* Nothing that whit_window_at() computes for positions below `count` overflows. */
static inline bool whit_window_valid(int32_t count, int32_t kernel, int32_t stride,
                                     int32_t dilation) {
  return count >= 1 && kernel >= 1 && stride >= 1 && dilation >= 1 &&
         (int64_t)(count - 1) * stride + (int64_t)(kernel - 1) * dilation <=
             (int64_t)WHIT_OFFSET_MASK;
}

/* One axis of a sliding window: the input's size, the number of positions, and the window. */
typedef struct {
  int32_t size;
  int32_t count;
  int32_t kernel;
  int32_t stride;
  int32_t dilation;
  int32_t pad;
} whit_axis;

static inline whit_window whit_axis_window(const whit_axis *axis, int32_t position) {
  return whit_window_at(position, axis->size, axis->kernel, axis->stride, axis->dilation,
                        axis->pad);
}

static inline bool whit_axis_valid(const whit_axis *axis) {
  return axis->size >= 1 &&
         whit_window_valid(axis->count, axis->kernel, axis->stride, axis->dilation);
}

/* Some position has taps outside the input. */
static inline bool whit_axis_padded(const whit_axis *axis) {
  int32_t last = (axis->count - 1) * axis->stride + (axis->kernel - 1) * axis->dilation;
  return axis->pad > 0 || last - axis->pad >= axis->size;
}

/* The lag of a kernel that computes position after position, in order, and of each reads the
 * window's inside, in any order, while it writes that position's part of y; x_bytes and y_bytes: of
 * one position with all its channels. */
int32_t whit_window_lag(const whit_axis *rows, const whit_axis *columns, int32_t batch,
                        int32_t x_bytes, int32_t y_bytes);

#endif
