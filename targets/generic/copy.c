/* copy_any: N-dimensional strided copy, the whole of transpose, slice, split and concat. */
#include <string.h>

#include "generic.h"
#include "walk.h"
#include "whit/params.h"

/* Elements that lie side by side in both operands and move at once. */
static int32_t run_length(const whit_copy_params *p) {
  int last = p->rank - 1;
  return p->x_strides[last] == 1 && p->y_strides[last] == 1 ? p->dims[last] : 1;
}

#define MOVE(type)                                                                       \
  {                                                                                      \
    const type *from = x;                                                                \
    type *to = y;                                                                        \
    for (int32_t i = 0; i < count; i++, from += x_step, to += y_step) *to = *from;       \
    break;                                                                               \
  }

static void copy_strided(const whit_copy_params *p, const void *x, void *y) {
  int last = p->rank - 1;
  int32_t count = p->dims[last];
  ptrdiff_t x_step = p->x_strides[last], y_step = p->y_strides[last];
  switch (p->element_bytes) {
    case 1: MOVE(uint8_t)
    case 2: MOVE(uint16_t)
    case 4: MOVE(uint32_t)
    default: MOVE(uint64_t)
  }
}

void whit_copy_any_generic(const void *params, void *const operand[]) {
  const whit_copy_params *p = params;
  const uint8_t *x = operand[0];
  uint8_t *y = operand[1];
  ptrdiff_t size = p->element_bytes;
  size_t run = (size_t)run_length(p) * (size_t)size;
  bool contiguous = run_length(p) == p->dims[p->rank - 1];
  whit_walk at = {.rank = p->rank, .dims = p->dims, .a_strides = p->x_strides,
                  .b_strides = p->y_strides, .a = p->x_offset, .b = p->y_offset};
  do {
    if (contiguous) {
      memmove(y + at.b * size, x + at.a * size, run);
    } else {
      copy_strided(p, x + at.a * size, y + at.b * size);
    }
  } while (whit_walk_next(&at));
}

bool whit_copy_any_generic_validate(const whit_check *check) {
  const whit_copy_params *p = check->params;
  uint32_t size = (uint32_t)p->element_bytes;
  if ((size != 1 && size != 2 && size != 4 && size != 8) || p->rank < 1 ||
      p->rank > WHIT_MAX_DIMS) {
    return false;
  }
  /* Repeated (stride 0) writes are useless, but would let a small program run for years. */
  return whit_fits(check, 1, whit_extent(p->dims, p->rank, size), size) &&
         whit_nest_fits(check, 0, p->rank, p->dims, p->x_strides, p->x_offset, size) &&
         whit_nest_fits(check, 1, p->rank, p->dims, p->y_strides, p->y_offset, size);
}

WHIT_NO_SCRATCH(whit_copy_any_generic)

int32_t whit_copy_any_generic_lag(const void *params, int operand) {
  const whit_copy_params *p = params;
  (void)operand;
  int32_t run = run_length(p);
  int rank = run == p->dims[p->rank - 1] ? p->rank - 1 : p->rank;
  return whit_nest_lag(rank, p->dims, p->x_strides, p->y_strides,
                       (int64_t)p->y_offset - p->x_offset, run, p->element_bytes);
}
