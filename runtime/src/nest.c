/* Loop nests over strided memory: what validate() and lag() of the kernels that walk one ask. */
#include "whit/kernel.h"

bool whit_nest_fits(const whit_check *check, int index, int rank, const int32_t *dims,
                    const int32_t *strides, int32_t offset, uint32_t element_bytes) {
  int64_t low = offset, high = offset;
  for (int i = 0; i < rank; i++) {
    if (dims[i] < 1) return false;
    int64_t reach = (int64_t)(dims[i] - 1) * strides[i];
    if (reach < 0) low += reach; else high += reach;
    /* Tested at every level, so that the sums cannot overflow; a low end below 0 stays there. */
    if (low < 0 || high > (int64_t)WHIT_OFFSET_MASK) return false;
  }
  return low >= 0 && high <= (int64_t)WHIT_OFFSET_MASK &&
         whit_fits(check, index, ((uint64_t)high + 1) * element_bytes, element_bytes);
}

int32_t whit_nest_lag(int rank, const int32_t *dims, const int32_t *x_strides,
                      const int32_t *y_strides, int64_t ahead, int32_t run,
                      int32_t element_bytes) {
  int64_t worst = -(int64_t)WHIT_OFFSET_MASK;
  int64_t x_inner = 0, ahead_inner = 0; /* what the levels inside k add to x, and to y - x */
  for (int k = rank - 1; k >= 0; k--) {
    if (dims[k] < 2) continue;
    int64_t advance = x_strides[k] - x_inner; /* of x, when level k takes a step */
    if (advance < 0) return WHIT_NO_OVERLAP;
    int64_t gain = (int64_t)y_strides[k] - x_strides[k];
    int64_t furthest = ahead + ahead_inner + (gain > 0 ? gain * (dims[k] - 2) : 0);
    for (int j = 0; j < k; j++) {
      int64_t outer = (int64_t)y_strides[j] - x_strides[j];
      if (outer > 0) furthest += outer * (dims[j] - 1);
    }
    /* What is written before the step must end at or below what is read after it. */
    int64_t distance = (furthest + run - advance) * element_bytes;
    if (distance > worst) worst = distance;
    x_inner += (int64_t)x_strides[k] * (dims[k] - 1);
    ahead_inner += gain * (dims[k] - 1);
  }
  return worst > (int64_t)WHIT_OFFSET_MASK ? WHIT_NO_OVERLAP : (int32_t)worst;
}

int32_t whit_elementwise_lag(int rank, const int32_t *dims, const int32_t *x_strides,
                             int32_t element_bytes) {
  int32_t y_strides[WHIT_MAX_DIMS];
  int32_t step = 1;
  for (int i = rank - 1; i >= 0; i--) {
    y_strides[i] = step;
    step *= dims[i];
  }
  return whit_nest_lag(rank, dims, x_strides, y_strides, 0, 1, element_bytes);
}
