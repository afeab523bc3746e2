/* The outer levels of a loop nest over two strided operands, stepped one at a time, so that a
 * kernel's own code is the innermost loop alone. */
#ifndef WHIT_GENERIC_WALK_H
#define WHIT_GENERIC_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "whit/kernel.h"

/* a and b: the elements that the operands are at; start at 0, or at their offsets. */
typedef struct {
  int rank;
  const int32_t *dims;
  const int32_t *a_strides;
  const int32_t *b_strides;
  ptrdiff_t a;
  ptrdiff_t b;
  int32_t index[WHIT_MAX_DIMS];
} whit_walk;

/* Move to the next index of levels [0, rank - 1); false after the last. */
static inline bool whit_walk_next(whit_walk *walk) {
  for (int level = walk->rank - 2; level >= 0; level--) {
    ptrdiff_t a = walk->a_strides[level], b = walk->b_strides[level];
    if (++walk->index[level] < walk->dims[level]) {
      walk->a += a;
      walk->b += b;
      return true;
    }
    walk->index[level] = 0;
    walk->a -= a * (walk->dims[level] - 1);
    walk->b -= b * (walk->dims[level] - 1);
  }
  return false;
}

/* Operand 0 holds what a reduction reads, `kept` nest around `reduced` nest, and as many elements
 * as are read: that bounds the time, although strides may repeat. Operand 1 holds the kept ones. */
static inline bool whit_reduction_fits(const whit_check *check, const int32_t *kept,
                                       const int32_t *kept_strides, const int32_t *reduced,
                                       const int32_t *reduced_strides, uint32_t element_bytes) {
  int32_t dims[2 * WHIT_MAX_DIMS], strides[2 * WHIT_MAX_DIMS];
  for (int i = 0; i < WHIT_MAX_DIMS; i++) {
    dims[i] = kept[i];
    strides[i] = kept_strides[i];
    dims[WHIT_MAX_DIMS + i] = reduced[i];
    strides[WHIT_MAX_DIMS + i] = reduced_strides[i];
    if (kept_strides[i] < 0 || reduced_strides[i] < 0) return false;
  }
  return whit_fits(check, 0, whit_extent(dims, 2 * WHIT_MAX_DIMS, element_bytes), element_bytes) &&
         whit_nest_fits(check, 0, 2 * WHIT_MAX_DIMS, dims, strides, 0, element_bytes) &&
         whit_fits(check, 1, whit_extent(kept, WHIT_MAX_DIMS, element_bytes), element_bytes);
}

#endif
