/* What kernels' validate() functions are made of. */
#include "whit/kernel.h"

uint64_t whit_extent(const int32_t *dims, int count, uint32_t element_bytes) {
  uint64_t bytes = element_bytes;
  for (int i = 0; i < count; i++) {
    if (dims[i] < 1 || bytes > WHIT_OFFSET_MASK) return UINT64_MAX;
    bytes *= (uint32_t)dims[i];
  }
  return bytes;
}

static uint32_t region_bytes(const whit_check *check, uint32_t region) {
  switch (region) {
    case WHIT_ARENA: return check->arena_bytes;
    case WHIT_CONSTANTS: return check->constant_bytes;
    case WHIT_STATE: return check->state_bytes;
    default: return 0;
  }
}

bool whit_fits(const whit_check *check, int index, uint64_t bytes, uint32_t alignment) {
  uint32_t reference = check->references[index];
  uint32_t offset = reference & WHIT_OFFSET_MASK;
  uint32_t limit = region_bytes(check, reference >> WHIT_REGION_SHIFT);
  return reference != WHIT_NONE && offset % alignment == 0 && offset <= limit &&
         bytes <= limit - offset;
}

bool whit_fits_optional(const whit_check *check, int index, uint64_t bytes, uint32_t alignment) {
  return check->references[index] == WHIT_NONE || whit_fits(check, index, bytes, alignment);
}

bool whit_work_valid(uint64_t outputs, uint64_t each) {
  return each >= 1 && outputs <= ((uint64_t)1 << WHIT_MAX_WORK_BITS) / each;
}

static const void *constant(const whit_check *check, int index) {
  return check->constants + (check->references[index] & WHIT_OFFSET_MASK);
}

static bool is_constant(const whit_check *check, int index) {
  return check->references[index] >> WHIT_REGION_SHIFT == WHIT_CONSTANTS;
}

bool whit_multipliers_valid(const whit_check *check, int index, uint64_t count) {
  if (!is_constant(check, index) || count > WHIT_OFFSET_MASK ||
      !whit_fits(check, index, count * 4, 4)) {
    return false;
  }
  const int32_t *multipliers = constant(check, index);
  for (uint64_t i = 0; i < count; i++) {
    if (multipliers[i] < 0) return false;
  }
  return true;
}

bool whit_shift_valid(int32_t shift) { return shift >= -31 && shift <= 30; }

bool whit_shifts_valid(const whit_check *check, int index, uint64_t count) {
  if (!is_constant(check, index) || !whit_fits(check, index, count, 1)) return false;
  const int8_t *shifts = constant(check, index);
  for (uint64_t i = 0; i < count; i++) {
    if (!whit_shift_valid(shifts[i])) return false;
  }
  return true;
}
