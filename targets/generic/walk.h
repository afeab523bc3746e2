/* The outer levels of a loop nest over two strided operands, stepped one at a time, so that a
 * kernel's own code is the innermost loop alone. */
#ifndef WHIT_GENERIC_WALK_H
#define WHIT_GENERIC_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "whit/whit.h"

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

#endif
