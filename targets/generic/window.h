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

#endif
