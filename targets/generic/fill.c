/* fill_any: one value in every element; pad is a fill and a copy. */
#include "generic.h"
#include "whit/params.h"

void whit_fill_any_generic(const void *params, void *const operand[]) {
  const whit_fill_params *p = params;
  int32_t count = p->count;
  switch (p->element_bytes) {
    case 1: {
      int8_t *y = operand[0];
      for (int32_t i = 0; i < count; i++) y[i] = (int8_t)p->value;
      break;
    }
    case 2: {
      int16_t *y = operand[0];
      for (int32_t i = 0; i < count; i++) y[i] = (int16_t)p->value;
      break;
    }
    case 4: {
      int32_t *y = operand[0];
      for (int32_t i = 0; i < count; i++) y[i] = p->value;
      break;
    }
    default: {
      int64_t *y = operand[0];
      for (int32_t i = 0; i < count; i++) y[i] = p->value;
    }
  }
}

bool whit_fill_any_generic_validate(const whit_check *check) {
  const whit_fill_params *p = check->params;
  uint32_t size = (uint32_t)p->element_bytes;
  return (size == 1 || size == 2 || size == 4 || size == 8) &&
         whit_fits(check, 0, whit_extent(&p->count, 1, size), size);
}

WHIT_NO_SCRATCH(whit_fill_any_generic)
WHIT_LAG_NEVER(whit_fill_any_generic)
