/* whit: run a compiled program on caller-owned memory.
 *
 *     WHIT_ALIGNED static uint8_t arena[MODEL_ARENA_BYTES];
 *     whit_instance net;
 *     whit_init(&net, &model_program, arena, sizeof arena, NULL, 0);
 *     memcpy(whit_input(&net, 0), samples, model_program.inputs[0].bytes);
 *     whit_run(&net);
 *     const int8_t *scores = whit_output(&net, 0);
 *
 * A program comes from C that `whit build` emitted, or from whit_load() on the bytes of a `.whit`
 * file. Nothing here allocates, prints or keeps state outside the instance and its memory, so
 * instances may run concurrently. */
#ifndef WHIT_H
#define WHIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Arena, state and program bytes must start at a multiple of this. */
#define WHIT_ALIGNMENT 16
#ifdef __cplusplus
#define WHIT_ALIGNED alignas(WHIT_ALIGNMENT)
#else
#define WHIT_ALIGNED _Alignas(WHIT_ALIGNMENT)
#endif

#define WHIT_MAX_DIMS 6

typedef enum {
  WHIT_OK = 0,
  WHIT_ERROR_ARGUMENT,   /* a null or misaligned pointer */
  WHIT_ERROR_MEMORY,     /* the arena or state memory given is too small */
  WHIT_ERROR_FORMAT,     /* not a .whit program, or damaged */
  WHIT_ERROR_VERSION,    /* made for another format or kernel contract version */
  WHIT_ERROR_KERNEL,     /* needs a kernel this build does not link */
  WHIT_ERROR_RECORD      /* a record whose parameters or offsets are not valid */
} whit_status;

typedef enum {
  WHIT_FLOAT32 = 0,
  WHIT_INT8 = 1,
  WHIT_UINT8 = 2,
  WHIT_INT16 = 3,
  WHIT_INT32 = 4,
  WHIT_INT64 = 5,
  WHIT_BOOL = 6
} whit_dtype;

/* One input or output of a program: real = scale * (stored - zero_point) when scale > 0. */
typedef struct {
  uint32_t name;       /* offset of a NUL-terminated string in the program's names */
  uint32_t reference;  /* where it lies: see kernel.h */
  uint32_t bytes;
  uint8_t dtype;       /* whit_dtype */
  uint8_t rank;
  uint16_t reserved;
  uint32_t dims[WHIT_MAX_DIMS];
  float scale;
  int32_t zero_point;
} whit_io;

/* Bytes of state memory and what whit_reset() puts there: constant data or one repeated byte. */
typedef struct {
  uint32_t offset;
  uint32_t bytes;
  uint32_t initial;  /* a reference to constants, or WHIT_NONE: then `fill` */
  uint32_t fill;
} whit_state;

typedef struct whit_kernel whit_kernel;
typedef struct whit_contract whit_contract;

/* Kernels a build links, and what a loader must know of them; both sorted by key. */
typedef struct {
  const whit_kernel *kernels;
  const whit_contract *contracts;
  uint32_t count;
} whit_kernel_set;

/* A program in memory, zero-copy: everything points into flash or into the loaded file. */
typedef struct {
  const uint32_t *records;
  uint32_t record_words;
  const uint8_t *constants;
  uint32_t constant_bytes;
  const char *names;
  const whit_io *inputs;
  const whit_io *outputs;
  const whit_state *states;
  uint16_t input_count;
  uint16_t output_count;
  uint16_t state_count;
  uint16_t kernel_count;
  uint32_t arena_bytes;
  uint32_t state_bytes;
  const whit_kernel *kernels; /* sorted by key; those the records need, or more */
} whit_program;

typedef struct whit_instance whit_instance;

/* Called after each record with the layer it belongs to; returning false stops the run. */
typedef bool whit_hook(void *context, const whit_instance *instance, uint32_t layer);

struct whit_instance {
  const whit_program *program;
  uint8_t *arena;
  uint8_t *state;
  whit_hook *hook;
  void *hook_context;
};

/* Check a .whit file of `bytes` bytes completely and describe it in `program`, which points into
 * `file`. `set` holds the kernels linked, for example &whit_generic_kernels. `detail`, unless NULL,
 * gets what the status is about: for WHIT_ERROR_KERNEL the kernel's key (id << 8 | layout), for
 * WHIT_ERROR_RECORD the record's word position. */
whit_status whit_load(whit_program *program, const void *file, size_t bytes,
                      const whit_kernel_set *set, uint32_t *detail);

/* Bind a program to memory and reset its state. `state` may be NULL when state_bytes is 0. */
whit_status whit_init(whit_instance *instance, const whit_program *program, void *arena,
                      size_t arena_bytes, void *state, size_t state_bytes);

/* Put every state tensor back to its initial value. */
void whit_reset(const whit_instance *instance);

/* Run all records once. */
void whit_run(const whit_instance *instance);

/* Run the record at word `position` of the records and return the position of the next one;
 * positions start at 0 and end at program->record_words. */
uint32_t whit_step(const whit_instance *instance, uint32_t position);

void *whit_input(const whit_instance *instance, uint32_t index);
const void *whit_output(const whit_instance *instance, uint32_t index);

/* A sentence for a status; never NULL. */
const char *whit_status_text(whit_status status);

#ifdef __cplusplus
}
#endif
#endif
