/* Feeds whit_load() every truncation and every single-bit flip of a .whit file, the checksum made
 * right again, and runs whatever it accepts on memory of exactly the size the program asks for.
 * Built with AddressSanitizer and UndefinedBehaviorSanitizer, which abort on any misstep.
 *
 *     hostile FILE [RANDOM_MUTATIONS SEED]
 *
 * Prints "rejected N accepted M". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generic/generic.h"
#include "whit/tape.h"

static unsigned long rejected, accepted;

static uint32_t crc32(const uint8_t *data, size_t bytes) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < bytes; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
  }
  return ~crc;
}

/* Memory that ends where the sanitizer's red zone begins. */
static uint8_t *exact(size_t bytes) {
  uint8_t *block = malloc(bytes ? bytes : 1);
  if (!block || (uintptr_t)block % WHIT_ALIGNMENT) abort();
  return block;
}

static void attempt(const uint8_t *data, size_t bytes) {
  uint8_t *file_block = exact(bytes);
  memcpy(file_block, data, bytes);
  size_t covered = offsetof(whit_tape_header, crc32) + 4;
  if (bytes > covered) {
    uint32_t crc = crc32(file_block + covered, bytes - covered);
    memcpy(file_block + covered - 4, &crc, 4);
    uint32_t size = (uint32_t)bytes;
    memcpy(file_block + offsetof(whit_tape_header, file_bytes), &size, 4);
  }
  whit_program program;
  if (whit_load(&program, file_block, bytes, &whit_generic_kernels, NULL) != WHIT_OK) {
    rejected++;
    free(file_block);
    return;
  }
  accepted++;
  /* A flipped size may ask for half a gigabyte: that is a valid wish, granted up to here. */
  if (program.arena_bytes < 1u << 24 && program.state_bytes < 1u << 24) {
    uint8_t *arena = exact(program.arena_bytes);
    uint8_t *state = exact(program.state_bytes);
    for (uint32_t i = 0; i < program.arena_bytes; i++) arena[i] = (uint8_t)(i * 37u + 11u);
    whit_instance instance;
    if (whit_init(&instance, &program, arena, program.arena_bytes, state, program.state_bytes) !=
        WHIT_OK) {
      abort();
    }
    whit_run(&instance);
    whit_run(&instance);
    whit_reset(&instance);
    free(state);
    free(arena);
  }
  free(file_block);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  FILE *file = fopen(argv[1], "rb");
  if (!file) return 2;
  static uint8_t data[1 << 20];
  size_t bytes = fread(data, 1, sizeof data, file);
  fclose(file);
  attempt(data, bytes);
  if (accepted != 1) return 3;
  if (argc >= 4) {
    uint64_t chance = strtoull(argv[3], NULL, 10) * 2 + 1;
    unsigned long rounds = strtoul(argv[2], NULL, 10);
    static uint8_t mutant[1 << 20];
    for (unsigned long round = 0; round < rounds; round++) {
      memcpy(mutant, data, bytes);
      for (int edits = 1 + (int)(round % 4); edits > 0; edits--) {
        chance = chance * 6364136223846793005u + 1442695040888963407u;
        mutant[(chance >> 33) % bytes] = (uint8_t)(chance >> 24);
      }
      attempt(mutant, bytes);
    }
  } else {
    for (size_t length = 0; length < bytes; length++) attempt(data, length);
    for (size_t bit = 0; bit < bytes * 8; bit++) {
      data[bit / 8] ^= (uint8_t)(1u << bit % 8);
      attempt(data, bytes);
      data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
  }
  printf("rejected %lu accepted %lu\n", rejected, accepted);
  return 0;
}
