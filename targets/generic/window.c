#include "window.h"

int32_t whit_window_lag(const whit_axis *rows, const whit_axis *columns, int32_t batch,
                        int32_t x_bytes, int32_t y_bytes) {
  int64_t pixels = (int64_t)rows->count * columns->count * batch;
  int64_t image = (int64_t)rows->size * columns->size;
  int64_t lowest = image * batch; /* first pixel of x that this or a later position reads */
  int64_t lag = -(int64_t)WHIT_OFFSET_MASK;
  for (int64_t at = pixels - 1; at >= 0; at--) {
    int32_t oy = (int32_t)(at / columns->count % rows->count);
    whit_window v = whit_axis_window(rows, oy);
    whit_window h = whit_axis_window(columns, (int32_t)(at % columns->count));
    if (v.first < v.end && h.first < h.end) {
      int64_t row = v.start + v.first * rows->dilation;
      int64_t first = at / ((int64_t)rows->count * columns->count) * image + row * columns->size +
                      h.start + h.first * columns->dilation;
      if (first < lowest) lowest = first;
    }
    int64_t distance = (at + 1) * y_bytes - lowest * x_bytes;
    if (distance > lag) lag = distance;
  }
  return lag > (int64_t)WHIT_OFFSET_MASK ? WHIT_NO_OVERLAP : (int32_t)lag;
}
