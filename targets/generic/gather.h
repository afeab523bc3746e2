/* Copying one window of an int8 image, padding and all. */
#ifndef WHIT_GENERIC_GATHER_H
#define WHIT_GENERIC_GATHER_H

#include <string.h>

#include "window.h"

typedef struct {
  const int8_t *image;
  int32_t width;
  int32_t channels;
  int32_t kernel_h;
  int32_t kernel_w;
  int32_t dilation_h;
  int32_t dilation_w;
  int32_t zero_point; /* what padding reads as */
} whit_gather;

static inline bool whit_window_inside(whit_window window, int32_t kernel) {
  return window.first == 0 && window.end == kernel;
}

/* to[kernel_h][kernel_w][count] = the window's elements in channels [channel, channel + count). */
static inline void whit_gather_window(const whit_gather *g, int8_t *to, whit_window rows,
                                      whit_window columns, int32_t channel, int32_t count) {
  int32_t taps = columns.end - columns.first;
  bool dense = g->dilation_w == 1 && count == g->channels;
  size_t run = (size_t)(dense ? taps * count : count); /* bytes that lie side by side */
  int32_t runs = dense ? 1 : taps;
  if (!whit_window_inside(rows, g->kernel_h) || !whit_window_inside(columns, g->kernel_w)) {
    memset(to, g->zero_point, (size_t)(g->kernel_h * g->kernel_w * count));
  }
  if (taps <= 0) return;
  for (int32_t ky = rows.first; ky < rows.end; ky++) {
    ptrdiff_t line = (ptrdiff_t)(rows.start + ky * g->dilation_h) * g->width;
    ptrdiff_t column = columns.start + columns.first * g->dilation_w;
    const int8_t *from = g->image + (line + column) * g->channels + channel;
    int8_t *at = to + (ptrdiff_t)(ky * g->kernel_w + columns.first) * count;
    for (int32_t i = 0; i < runs; i++) {
      memmove(at, from, run); /* a hostile program may lay scratch over the image */
      from += (ptrdiff_t)g->dilation_w * g->channels;
      at += count;
    }
  }
}

#endif
