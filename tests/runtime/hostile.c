/* Feeds whit_load() every truncation and every single-bit flip of a .whit file, the checksum made
 * right again, and runs whatever it accepts on memory of exactly the size the program asks for.
 * Built with AddressSanitizer and UndefinedBehaviorSanitizer, which abort on any misstep.
 *
 *     hostile FILE [RANDOM_MUTATIONS SEED]
 *
 * Prints "rejected N accepted M". */
#include <stdio.h>

#include "attempt.h"

static unsigned long rejected, accepted;

static void count(const uint8_t *data, size_t bytes) {
  if (attempt(data, bytes)) accepted++; else rejected++;
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  FILE *file = fopen(argv[1], "rb");
  if (!file) return 2;
  static uint8_t data[1 << 20];
  size_t bytes = fread(data, 1, sizeof data, file);
  fclose(file);
  count(data, bytes);
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
      count(mutant, bytes);
    }
  } else {
    for (size_t length = 0; length < bytes; length++) count(data, length);
    for (size_t bit = 0; bit < bytes * 8; bit++) {
      data[bit / 8] ^= (uint8_t)(1u << bit % 8);
      count(data, bytes);
      data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
  }
  printf("rejected %lu accepted %lu\n", rejected, accepted);
  return 0;
}
