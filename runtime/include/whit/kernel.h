/* What a kernel is: the record it reads, the contract it keeps, the table it is found in. */
#ifndef WHIT_KERNEL_H
#define WHIT_KERNEL_H

#include "whit.h"

/* Raised when a kernel's parameters or operands change meaning; a program made for another
 * contract is refused. */
#define WHIT_CONTRACT_VERSION 1

/* A reference is a region in the top 3 bits and a byte offset in the other 29. */
#define WHIT_REGION_SHIFT 29
#define WHIT_OFFSET_MASK 0x1fffffffu
#define WHIT_ARENA 0u
#define WHIT_CONSTANTS 1u
#define WHIT_STATE 2u
#define WHIT_NONE 0xffffffffu /* an operand that is absent: kernels see NULL */

#define WHIT_MAX_OPERANDS 8

/* The head of a record. Behind it stand `operands` references, then the kernel's parameters. */
typedef struct {
  uint16_t kernel;       /* id, from kernels.h */
  uint8_t layout;        /* how constant operands are packed; 0 is the plain layout */
  uint8_t operands;
  uint16_t words;        /* the whole record, in 32-bit words */
  uint16_t layer;        /* index of the graph node it belongs to */
  uint32_t scratch_bytes; /* size of the last operand where the kernel takes scratch, else 0 */
} whit_record;

/* Kernels are found by key: id and layout. */
#define WHIT_KEY(id, layout) (((uint32_t)(id) << 8) | (uint32_t)(layout))

/* operand[i] is the address of the record's i-th reference; params its parameter struct. */
typedef void whit_kernel_run(const void *params, void *const operand[]);

struct whit_kernel {
  uint32_t key;
  whit_kernel_run *run;
};

/* What a loader knows of one record while checking it. */
typedef struct {
  const void *params;
  const uint32_t *references;
  const uint8_t *constants;
  uint32_t constant_bytes;
  uint32_t arena_bytes;
  uint32_t state_bytes;
  uint32_t scratch_bytes;
} whit_check;

/* Products or comparisons that one record may take, as a power of two: a minute's on a desktop,
 * beyond what any layer takes. Without a limit a pool of 200 bytes could run for years. A loader
 * may be built with a lower one. */
#ifndef WHIT_MAX_WORK_BITS
#define WHIT_MAX_WORK_BITS 36
#endif

/* No relative placement of output over input is safe. */
#define WHIT_NO_OVERLAP INT32_MAX

/* True when parameters are in range, every access of run() with them stays inside its operand,
 * every constant table holds legal values, and run() ends in time bounded by its operands. */
typedef bool whit_kernel_validate(const whit_check *check);
/* Bytes of scratch that run() uses, for validated parameters; 0 where it uses none. */
typedef uint32_t whit_kernel_scratch(const void *params);
/* For input `operand` (its index): the smallest distance d in bytes such that run() is still right
 * when the output's first byte lies d or more below that input's first byte (d may be negative; 0
 * means that in place is safe), or WHIT_NO_OVERLAP. */
typedef int32_t whit_kernel_lag(const void *params, int operand);

/* The part of a kernel that only compilers and loaders need; not linked into emitted-C builds. */
struct whit_contract {
  uint32_t key;
  const char *access; /* one letter an operand: see kernels.h */
  uint16_t param_bytes;
  whit_kernel_validate *validate;
  whit_kernel_scratch *scratch;
  whit_kernel_lag *lag;
};

/* Declares what a kernel set defines for one kernel: run, validate, scratch, lag. */
#define WHIT_DECLARE_KERNEL(function)              \
  whit_kernel_run function;                        \
  whit_kernel_validate function##_validate;        \
  whit_kernel_scratch function##_scratch;          \
  whit_kernel_lag function##_lag;

/* The common answers. */
#define WHIT_NO_SCRATCH(function) \
  uint32_t function##_scratch(const void *params) { (void)params; return 0; }
#define WHIT_LAG_NEVER(function)                             \
  int32_t function##_lag(const void *params, int operand) {  \
    (void)params; (void)operand; return WHIT_NO_OVERLAP;     \
  }
#define WHIT_LAG_IN_PLACE(function)                          \
  int32_t function##_lag(const void *params, int operand) {  \
    (void)params; (void)operand; return 0;                   \
  }

/* Helpers for validate(). */

/* Bytes of an array of the given extents and element size; saturates at UINT64_MAX; an extent
 * below 1 saturates too, so that it fits nowhere. */
uint64_t whit_extent(const int32_t *dims, int count, uint32_t element_bytes);

/* Operand `index` is present, aligned to `alignment` and has `bytes` bytes in its region. */
bool whit_fits(const whit_check *check, int index, uint64_t bytes, uint32_t alignment);

/* Operand `index` is absent, or whit_fits(). */
bool whit_fits_optional(const whit_check *check, int index, uint64_t bytes, uint32_t alignment);

/* `outputs` elements of `each` steps, both from whit_extent(), stay within WHIT_MAX_WORK_BITS. */
bool whit_work_valid(uint64_t outputs, uint64_t each);

/* Operand `index` is `count` constant int32 multipliers, none negative. */
bool whit_multipliers_valid(const whit_check *check, int index, uint64_t count);

/* Operand `index` is `count` constant int8 shifts, each in [-31, 30]. */
bool whit_shifts_valid(const whit_check *check, int index, uint64_t count);

bool whit_shift_valid(int32_t shift);

/* Every element offset + sum i*strides, for the `rank` indices i below dims, lies in operand
 * `index`; offset and strides in elements of element_bytes, to which the operand is aligned. */
bool whit_nest_fits(const whit_check *check, int index, int rank, const int32_t *dims,
                    const int32_t *strides, int32_t offset, uint32_t element_bytes);

/* The lag, in bytes, of a kernel that walks x and y by one loop nest, outermost level first, and
 * in each step reads from x before it writes `run` elements to y. Strides are in elements, `ahead` is
 * y's offset less x's. WHIT_NO_OVERLAP where x is not read in ascending order. */
int32_t whit_nest_lag(int rank, const int32_t *dims, const int32_t *x_strides,
                      const int32_t *y_strides, int64_t ahead, int32_t run,
                      int32_t element_bytes);

/* The same for a kernel that reads one element of x, broadcast by its strides, for each element of
 * a contiguous y. */
int32_t whit_elementwise_lag(int rank, const int32_t *dims, const int32_t *x_strides,
                             int32_t element_bytes);

#endif
