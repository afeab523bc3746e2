/* Loads a .whit file whose checksum is made right first, and runs it on memory of exactly the size it
 * asks for, so that a sanitizer sees any access beyond. */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "generic/generic.h"
#include "whit/tape.h"

/* A mutant may ask for half a gigabyte: that is a valid wish, granted up to here. */
#define ATTEMPT_MEMORY (1u << 24)

static inline uint32_t attempt_crc32(const uint8_t *data, size_t bytes) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < bytes; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
  }
  return ~crc;
}

/* Size and checksum of a file, made right. */
static inline void attempt_seal(uint8_t *data, size_t bytes) {
  size_t covered = offsetof(whit_tape_header, crc32) + 4;
  if (bytes <= covered) return;
  uint32_t size = (uint32_t)bytes;
  memcpy(data + offsetof(whit_tape_header, file_bytes), &size, 4);
  uint32_t crc = attempt_crc32(data + covered, bytes - covered);
  memcpy(data + covered - 4, &crc, 4);
}

/* Memory that ends where the sanitizer's red zone begins. */
static inline uint8_t *attempt_memory(size_t bytes) {
  uint8_t *block = malloc(bytes ? bytes : 1);
  if (!block || (uintptr_t)block % WHIT_ALIGNMENT) abort();
  for (size_t i = 0; i < bytes; i++) block[i] = (uint8_t)(i * 37u + 11u);
  return block;
}

static inline void attempt_run(const whit_program *program) {
  if (program->arena_bytes >= ATTEMPT_MEMORY || program->state_bytes >= ATTEMPT_MEMORY) return;
  uint8_t *arena = attempt_memory(program->arena_bytes);
  uint8_t *state = program->state_bytes ? attempt_memory(program->state_bytes) : NULL;
  whit_instance instance;
  if (whit_init(&instance, program, arena, program->arena_bytes, state, program->state_bytes) !=
      WHIT_OK) {
    abort();
  }
  whit_run(&instance);
  whit_run(&instance);
  whit_reset(&instance);
  free(state);
  free(arena);
}

/* Whether whit_load() accepts the file, which then has run. */
static inline bool attempt(const uint8_t *data, size_t bytes) {
  uint8_t *file = attempt_memory(bytes);
  memcpy(file, data, bytes);
  attempt_seal(file, bytes);
  whit_program program;
  bool accepted = whit_load(&program, file, bytes, &whit_generic_kernels, NULL) == WHIT_OK;
  if (accepted) attempt_run(&program);
  free(file);
  return accepted;
}

#endif
