/* What the int8 kernels share: from a sum to a stored value, and checks of stored values. */
#ifndef WHIT_GENERIC_INTEGER_H
#define WHIT_GENERIC_INTEGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "whit/fixed_point.h"
#include "whit/kernel.h"

/* For innermost loops that fill the register file of a small core: inlined into others, or
 * unrolled, as clang would, they spill. */
#define WHIT_TIGHT __attribute__((noinline)) static
#ifdef __clang__
#define WHIT_KEEP_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define WHIT_KEEP_ROLLED
#endif

/* How sums of products of one layer become int8: per channel requantized, then offset, then
 * clamped. step: 1 where multipliers and shifts have an entry a channel, 0 where one serves all. */
typedef struct {
  const int32_t *bias;
  const int32_t *multipliers;
  const int8_t *shifts;
  ptrdiff_t step;
  int32_t zero_point;
  int32_t clamp_min;
  int32_t clamp_max;
} whit_output_stage;

/* Operands 2, 3 and 4 of the kernels with weights. */
static inline whit_output_stage whit_output_stage_of(void *const operand[], int32_t count,
                                                     int32_t zero_point, int32_t clamp_min,
                                                     int32_t clamp_max) {
  return (whit_output_stage){operand[2], operand[3], operand[4], count > 1,
                             zero_point, clamp_min, clamp_max};
}

/* sum: of products only, in two's complement. */
static inline int8_t whit_output_s8(const whit_output_stage *stage, ptrdiff_t channel,
                                    uint32_t sum) {
  int32_t biased = whit_wrap(sum + (uint32_t)stage->bias[channel]);
  int32_t scaled = whit_requantize(biased, stage->multipliers[channel * stage->step],
                                   stage->shifts[channel * stage->step]);
  scaled = whit_add_wrap(scaled, stage->zero_point);
  return (int8_t)whit_clamp(scaled, stage->clamp_min, stage->clamp_max);
}

static inline bool whit_is_s8(int32_t value) { return value >= INT8_MIN && value <= INT8_MAX; }

static inline bool whit_clamp_valid(int32_t low, int32_t high) {
  return whit_is_s8(low) && whit_is_s8(high) && low <= high;
}

/* Operands 2, 3 and 4 are tables for `channels` channels. */
static inline bool whit_output_stage_valid(const whit_check *check, int32_t channels,
                                           int32_t count, int32_t zero_point, int32_t clamp_min,
                                           int32_t clamp_max) {
  return (count == 1 || count == channels) && whit_is_s8(zero_point) &&
         whit_clamp_valid(clamp_min, clamp_max) &&
         whit_fits(check, 2, whit_extent(&channels, 1, 4), 4) &&
         whit_multipliers_valid(check, 3, (uint64_t)count) &&
         whit_shifts_valid(check, 4, (uint64_t)count);
}

#endif
