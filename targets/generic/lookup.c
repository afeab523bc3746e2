/* lookup_x8: any function of one 8-bit number, tabulated on the desktop. */
#include "generic.h"
#include "whit/params.h"

void whit_lookup_x8_generic(const void *params, void *const operand[]) {
  const whit_lookup_params *p = params;
  const uint8_t *x = operand[0];
  const uint8_t *table = operand[1];
  uint8_t *y = operand[2];
  for (int32_t i = 0; i < p->count; i++) y[i] = table[x[i]];
}

bool whit_lookup_x8_generic_validate(const whit_check *check) {
  const whit_lookup_params *p = check->params;
  uint64_t bytes = whit_extent(&p->count, 1, 1);
  return whit_fits(check, 0, bytes, 1) && whit_fits(check, 1, 256, 1) &&
         whit_fits(check, 2, bytes, 1);
}

WHIT_NO_SCRATCH(whit_lookup_x8_generic)
WHIT_LAG_IN_PLACE(whit_lookup_x8_generic)
