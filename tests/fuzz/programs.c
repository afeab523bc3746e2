/* Mutates .whit files as one who knows the format would, and runs what the loader accepts, under
 * AddressSanitizer and UndefinedBehaviorSanitizer: script/fuzz builds and starts it.
 *
 *     programs ROUNDS SEED FOLDER FILE...
 *
 * A round takes one of the files and edits it a few times: parameters, references, sizes, tables, the
 * header; records that trade places or come from another file; bytes anywhere. Mutant i depends on
 * SEED and i alone. A finding leaves the mutant in FOLDER/finding.whit. Prints how many were rejected
 * and accepted. */
#include <stdio.h>

#include "../runtime/attempt.h"
#include "whit/kernel.h"

void __sanitizer_set_death_callback(void (*callback)(void));

#define MAX_BYTES (1u << 21)
#define MAX_FILES 64
#define MAX_RECORDS 512

typedef struct {
  uint8_t *data;
  size_t bytes;
} file;

/* Word positions of the records of a file that is, or was, in order. */
typedef struct {
  uint32_t at[MAX_RECORDS];
  uint32_t words[MAX_RECORDS];
  uint32_t count;
} records;

static _Alignas(WHIT_ALIGNMENT) uint8_t mutant[MAX_BYTES];
static size_t mutant_bytes;
static const char *folder;
static uint64_t chance;

static uint32_t draw(uint32_t below) {
  chance = chance * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(((chance >> 32) * below) >> 32);
}

static void keep_mutant(void) {
  char path[4096];
  snprintf(path, sizeof path, "%s/finding.whit", folder);
  FILE *out = fopen(path, "wb");
  if (!out) return;
  attempt_seal(mutant, mutant_bytes);
  fwrite(mutant, 1, mutant_bytes, out);
  fclose(out);
}

static uint32_t load(size_t at) {
  uint32_t word = 0;
  if (at + sizeof word <= mutant_bytes) memcpy(&word, mutant + at, sizeof word);
  return word;
}

static void store(size_t at, uint32_t word) {
  if (at + sizeof word <= mutant_bytes) memcpy(mutant + at, &word, sizeof word);
}

static const whit_tape_header *header_of(const file *f) { return (const void *)f->data; }

static records find_records(const file *f) {
  records found = {.count = 0};
  const whit_tape_header *header = header_of(f);
  for (uint32_t at = 0; at < header->record_words && found.count < MAX_RECORDS;) {
    whit_record record;
    memcpy(&record, f->data + header->records_offset + 4 * (size_t)at, sizeof record);
    found.at[found.count] = header->records_offset + 4 * at;
    found.words[found.count++] = record.words;
    at += record.words;
  }
  return found;
}

/* A number near a limit of something, or near `word`. */
static uint32_t interesting(uint32_t word) {
  static const uint32_t limits[] = {0, 1, 2, 3, 7, 127, 128, 255, 256, 32767, 32768, 65535, 65536,
                                    0x7fffffff, 0x80000000, 0xffffffff, WHIT_OFFSET_MASK,
                                    WHIT_OFFSET_MASK + 1};
  switch (draw(8)) {
    case 0: return limits[draw(sizeof limits / sizeof limits[0])];
    case 1: return (uint32_t)1 << draw(32);
    case 2: return word + 1;
    case 3: return word - 1;
    case 4: return 0u - word;
    case 5: return word * 2;
    case 6: return word / 2;
    default: return draw(64);
  }
}

/* One member of a word may be 32, 16 or 8 bits wide. */
static void edit_word(size_t at) {
  uint32_t word = load(at);
  uint32_t width = 8u << draw(3), shift = width * draw(32 / width);
  uint32_t mask = width == 32 ? 0xffffffffu : ((uint32_t)1 << width) - 1;
  uint32_t part = interesting((word >> shift) & mask) & mask;
  store(at, (word & ~(mask << shift)) | part << shift);
}

static uint32_t some_reference(const whit_tape_header *header) {
  uint32_t region = draw(8) ? draw(3) : draw(8);
  uint32_t sizes[] = {header->arena_bytes, header->constant_bytes, header->state_bytes};
  uint32_t offset = draw((region < 3 ? sizes[region] : 64) + 1);
  if (draw(4)) offset &= ~15u;
  return region << WHIT_REGION_SHIFT | offset;
}

/* An operand moved over others, within its region or to another one. */
static void edit_reference(const whit_tape_header *header, uint32_t record) {
  uint32_t operands = mutant[record + offsetof(whit_record, operands)];
  if (operands == 0) return;
  size_t at = record + sizeof(whit_record) + 4 * (size_t)draw(operands);
  uint32_t moved = load(at) + draw(129) - 64;
  switch (draw(4)) {
    case 0: store(at, moved); break;
    case 1: store(at, load(record + sizeof(whit_record) + 4 * (size_t)draw(operands))); break;
    case 2: store(at, draw(16) ? some_reference(header) : WHIT_NONE); break;
    default: store(at, load(at) / 16 * 16 + (draw(33) - 16) * 16); break;
  }
}

/* Another kernel's number over the same operands and parameters. */
static void edit_kernel(uint32_t record) {
  uint32_t other = draw(whit_generic_kernels.count);
  uint16_t kernel = (uint16_t)(whit_generic_kernels.contracts[other].key >> 8);
  memcpy(mutant + record + offsetof(whit_record, kernel), &kernel, sizeof kernel);
}

/* A record of the same length, from another file or another place in this one. */
static void splice(const records *here, const file *from) {
  records there = find_records(from);
  if (there.count == 0) return;
  uint32_t to = draw(here->count), source = draw(there.count);
  for (uint32_t i = 0; i < there.count; i++, source = (source + 1) % there.count) {
    if (there.words[source] != here->words[to]) continue;
    memcpy(mutant + here->at[to], from->data + there.at[source], 4 * (size_t)here->words[to]);
    return;
  }
}

static void edit_section(uint32_t offset, size_t bytes) {
  if (bytes >= 4) edit_word(offset + 4 * (size_t)draw((uint32_t)(bytes / 4)));
}

static void edit(const file *original, const records *here, const file *other) {
  const whit_tape_header *header = header_of(original);
  uint32_t record = here->count ? here->at[draw(here->count)] : header->records_offset;
  uint32_t head = sizeof(whit_record) + 4u * mutant[record + offsetof(whit_record, operands)];
  uint32_t words = ((const whit_record *)(const void *)(original->data + record))->words;
  switch (draw(16)) {
    case 0: case 1: case 2: case 3:
      if (4 * words > head) edit_section(record + head, 4 * words - head);
      break;
    case 4: case 5: case 6: case 7: case 8: edit_reference(header, record); break;
    case 9:
      if (here->count) splice(here, draw(2) ? other : original);
      break;
    case 10: edit_section(header->constants_offset, header->constant_bytes); break;
    case 11: edit_word(record + 4 * draw(sizeof(whit_record) / 4)); break;
    case 12: edit_word(offsetof(whit_tape_header, arena_bytes) + 4 * draw(2)); break;
    case 13: edit_kernel(record); break;
    case 14:
      edit_section(header->inputs_offset, header->input_count * sizeof(whit_io));
      edit_section(header->states_offset, header->state_count * sizeof(whit_state));
      break;
    default: mutant[draw((uint32_t)mutant_bytes)] = (uint8_t)draw(256); break;
  }
}

static bool read_file(const char *path, file *f) {
  FILE *in = fopen(path, "rb");
  if (!in) return false;
  f->data = malloc(MAX_BYTES);
  if (!f->data) abort();
  f->bytes = fread(f->data, 1, MAX_BYTES, in);
  fclose(in);
  return attempt(f->data, f->bytes);
}

int main(int argc, char **argv) {
  if (argc < 5 || argc - 4 > MAX_FILES) return 2;
  static file files[MAX_FILES];
  uint32_t count = (uint32_t)(argc - 4);
  for (uint32_t i = 0; i < count; i++) {
    if (!read_file(argv[4 + i], &files[i])) {
      fprintf(stderr, "%s is not a program that loads\n", argv[4 + i]);
      return 2;
    }
  }
  folder = argv[3];
  __sanitizer_set_death_callback(keep_mutant);
  unsigned long rounds = strtoul(argv[1], NULL, 10), accepted = 0;
  uint64_t seed = strtoull(argv[2], NULL, 10);
  for (unsigned long round = 0; round < rounds; round++) {
    chance = (seed << 32) + round;
    for (int i = 0; i < 3; i++) draw(1); /* neighbouring rounds drift apart */
    const file *original = &files[draw(count)];
    records here = find_records(original);
    memcpy(mutant, original->data, original->bytes);
    mutant_bytes = original->bytes;
    for (uint32_t edits = 1 + draw(4); edits > 0; edits--) {
      edit(original, &here, &files[draw(count)]);
    }
    accepted += attempt(mutant, mutant_bytes);
  }
  printf("rejected %lu accepted %lu\n", rounds - accepted, accepted);
  for (uint32_t i = 0; i < count; i++) free(files[i].data);
  return 0;
}
