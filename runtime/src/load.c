/* Loading a .whit file: every byte that a run will trust is checked here, once. */
#include <string.h>

#include "whit/crc32.h"
#include "whit/kernel.h"
#include "whit/tape.h"

static uint32_t crc32(const uint8_t *data, size_t bytes) {
  uint32_t crc = WHIT_CRC32_START;
  for (size_t i = 0; i < bytes; i++) crc = whit_crc32_add(crc, data[i]);
  return ~crc;
}

static bool section(const whit_tape_header *header, uint32_t offset, uint64_t bytes) {
  return offset % WHIT_ALIGNMENT == 0 && offset <= header->file_bytes &&
         bytes <= header->file_bytes - offset;
}

static uint32_t dtype_bytes(uint8_t dtype) {
  switch (dtype) {
    case WHIT_INT8: case WHIT_UINT8: case WHIT_BOOL: return 1;
    case WHIT_INT16: return 2;
    case WHIT_FLOAT32: case WHIT_INT32: return 4;
    case WHIT_INT64: return 8;
    default: return 0;
  }
}

static bool io_valid(const whit_io *io, const whit_check *check, uint32_t name_bytes,
                     bool is_input) {
  uint32_t size = dtype_bytes(io->dtype);
  if (size == 0 || io->rank > WHIT_MAX_DIMS || io->name >= name_bytes || io->reserved) return false;
  uint64_t bytes = size;
  for (uint32_t i = 0; i < io->rank; i++) {
    if (io->dims[i] == 0 || bytes > WHIT_OFFSET_MASK) return false;
    bytes *= io->dims[i];
  }
  whit_check at = *check;
  at.references = &io->reference;
  if (is_input && io->reference >> WHIT_REGION_SHIFT != WHIT_ARENA) return false;
  return bytes == io->bytes && whit_fits(&at, 0, bytes, size);
}

static bool state_valid(const whit_state *state, const whit_check *check) {
  whit_check at = *check;
  at.references = &state->initial;
  /* Nothing to reset would be memset() of what may be a null pointer. */
  if (state->bytes == 0 || state->offset > check->state_bytes ||
      state->bytes > check->state_bytes - state->offset) {
    return false;
  }
  return state->initial == WHIT_NONE || (state->initial >> WHIT_REGION_SHIFT == WHIT_CONSTANTS &&
                                         whit_fits(&at, 0, state->bytes, 1));
}

static const whit_contract *find(const whit_kernel_set *set, uint32_t key) {
  for (uint32_t i = 0; i < set->count; i++) {
    if (set->contracts[i].key == key) return &set->contracts[i];
  }
  return NULL;
}

/* The region an operand may lie in, by its letter in `access`. */
static bool access_valid(char access, uint32_t reference) {
  uint32_t region = reference >> WHIT_REGION_SHIFT;
  if (reference == WHIT_NONE) return true;
  switch (access) {
    case 'i': return region <= WHIT_STATE;
    case 'c': return region == WHIT_CONSTANTS;
    default: return region == WHIT_ARENA || region == WHIT_STATE;
  }
}

/* `operand`: the last, whose letter in `access` this is. */
static bool scratch_valid(char access, const whit_check *check, int operand) {
  if (check->scratch_bytes) {
    return access == 's' && whit_fits(check, operand, check->scratch_bytes, 4);
  }
  /* Nothing would use it, but its address would be computed. */
  return access != 's' || check->references[operand] == WHIT_NONE;
}

static whit_status record_valid(const uint32_t *words, uint32_t left, uint32_t layer_count,
                                const whit_kernel_set *set, whit_check *check, uint32_t *detail) {
  const uint32_t head = sizeof(whit_record) / 4;
  const whit_record *record = (const whit_record *)(const void *)words;
  if (left < head || record->words > left) return WHIT_ERROR_RECORD;
  const whit_contract *contract = find(set, WHIT_KEY(record->kernel, record->layout));
  if (!contract) {
    *detail = WHIT_KEY(record->kernel, record->layout);
    return WHIT_ERROR_KERNEL;
  }
  uint32_t operands = (uint32_t)strlen(contract->access);
  if (record->operands != operands || operands > WHIT_MAX_OPERANDS ||
      record->words != head + operands + contract->param_bytes / 4u ||
      record->layer >= layer_count) {
    return WHIT_ERROR_RECORD;
  }
  check->references = words + head;
  check->params = check->references + operands;
  check->scratch_bytes = record->scratch_bytes;
  for (uint32_t i = 0; i < operands; i++) {
    if (!access_valid(contract->access[i], check->references[i])) return WHIT_ERROR_RECORD;
  }
  if (!contract->validate(check) || contract->scratch(check->params) > record->scratch_bytes) {
    return WHIT_ERROR_RECORD;
  }
  return scratch_valid(contract->access[operands - 1], check, (int)operands - 1) ? WHIT_OK
                                                                                 : WHIT_ERROR_RECORD;
}

static whit_status header_valid(const whit_tape_header *header, size_t bytes) {
  if (bytes < sizeof *header || header->magic != WHIT_MAGIC) return WHIT_ERROR_FORMAT;
  if (header->format != WHIT_FORMAT_VERSION || header->contract != WHIT_CONTRACT_VERSION) {
    return WHIT_ERROR_VERSION;
  }
  const size_t covered = offsetof(whit_tape_header, crc32) + sizeof header->crc32;
  if (header->file_bytes != bytes ||
      header->crc32 != crc32((const uint8_t *)header + covered, bytes - covered)) {
    return WHIT_ERROR_FORMAT;
  }
  if (!section(header, header->records_offset, (uint64_t)header->record_words * 4) ||
      !section(header, header->constants_offset, header->constant_bytes) ||
      !section(header, header->inputs_offset, header->input_count * sizeof(whit_io)) ||
      !section(header, header->outputs_offset, header->output_count * sizeof(whit_io)) ||
      !section(header, header->states_offset, header->state_count * sizeof(whit_state)) ||
      !section(header, header->kernels_offset, header->kernel_count * sizeof(uint32_t)) ||
      !section(header, header->names_offset, header->name_bytes) ||
      header->layer_names > header->name_bytes || header->arena_bytes > WHIT_OFFSET_MASK ||
      header->state_bytes > WHIT_OFFSET_MASK || header->constant_bytes > WHIT_OFFSET_MASK) {
    return WHIT_ERROR_FORMAT;
  }
  const char *names = (const char *)header + header->names_offset;
  if (header->name_bytes == 0 || names[header->name_bytes - 1] != '\0') return WHIT_ERROR_FORMAT;
  return WHIT_OK;
}

whit_status whit_load(whit_program *program, const void *file, size_t bytes,
                      const whit_kernel_set *set, uint32_t *detail) {
  uint32_t ignored;
  if (!detail) detail = &ignored;
  *detail = 0;
  if (!program || !file || !set || (uintptr_t)file % WHIT_ALIGNMENT) return WHIT_ERROR_ARGUMENT;
  const whit_tape_header *header = file;
  whit_status status = header_valid(header, bytes);
  if (status != WHIT_OK) return status;

  const uint8_t *base = file;
  *program = (whit_program){
      .records = (const uint32_t *)(const void *)(base + header->records_offset),
      .record_words = header->record_words,
      .constants = base + header->constants_offset,
      .constant_bytes = header->constant_bytes,
      .names = (const char *)base + header->names_offset,
      .inputs = (const whit_io *)(const void *)(base + header->inputs_offset),
      .outputs = (const whit_io *)(const void *)(base + header->outputs_offset),
      .states = (const whit_state *)(const void *)(base + header->states_offset),
      .input_count = header->input_count,
      .output_count = header->output_count,
      .state_count = header->state_count,
      .kernel_count = (uint16_t)set->count,
      .arena_bytes = header->arena_bytes,
      .state_bytes = header->state_bytes,
      .kernels = set->kernels,
  };
  whit_check check = {.constants = program->constants,
                      .constant_bytes = program->constant_bytes,
                      .arena_bytes = program->arena_bytes,
                      .state_bytes = program->state_bytes};
  for (uint32_t i = 0; i < program->input_count; i++) {
    if (!io_valid(&program->inputs[i], &check, header->name_bytes, true)) return WHIT_ERROR_FORMAT;
  }
  for (uint32_t i = 0; i < program->output_count; i++) {
    if (!io_valid(&program->outputs[i], &check, header->name_bytes, false)) {
      return WHIT_ERROR_FORMAT;
    }
  }
  for (uint32_t i = 0; i < program->state_count; i++) {
    if (!state_valid(&program->states[i], &check)) return WHIT_ERROR_FORMAT;
  }
  const uint32_t *needed = (const uint32_t *)(const void *)(base + header->kernels_offset);
  for (uint32_t i = 0; i < header->kernel_count; i++) {
    if (!find(set, needed[i])) {
      *detail = needed[i];
      return WHIT_ERROR_KERNEL;
    }
  }
  for (uint32_t position = 0; position < program->record_words;) {
    const uint32_t *words = program->records + position;
    *detail = position;
    status = record_valid(words, program->record_words - position, header->layer_count, set, &check,
                          detail);
    if (status != WHIT_OK) return status;
    position += ((const whit_record *)(const void *)words)->words;
  }
  *detail = 0;
  return WHIT_OK;
}
