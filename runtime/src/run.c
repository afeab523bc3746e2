/* The executor: one loop over records. */
#include <string.h>

#include "whit/kernel.h"

static uint8_t *address(const whit_instance *instance, uint32_t reference) {
  uint32_t offset = reference & WHIT_OFFSET_MASK;
  switch (reference >> WHIT_REGION_SHIFT) {
    case WHIT_ARENA: return instance->arena + offset;
    case WHIT_STATE: return instance->state + offset;
    case WHIT_CONSTANTS: return (uint8_t *)(uintptr_t)(instance->program->constants + offset);
    default: return NULL;
  }
}

static const whit_kernel *find(const whit_program *program, uint32_t key) {
  uint32_t low = 0;
  uint32_t high = program->kernel_count;
  while (high - low > 1) {
    uint32_t middle = (low + high) / 2;
    if (program->kernels[middle].key <= key) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return &program->kernels[low];
}

whit_status whit_init(whit_instance *instance, const whit_program *program, void *arena,
                      size_t arena_bytes, void *state, size_t state_bytes) {
  if (!instance || !program || !arena || (!state && program->state_bytes) ||
      (uintptr_t)arena % WHIT_ALIGNMENT || (uintptr_t)state % WHIT_ALIGNMENT) {
    return WHIT_ERROR_ARGUMENT;
  }
  if (arena_bytes < program->arena_bytes || state_bytes < program->state_bytes) {
    return WHIT_ERROR_MEMORY;
  }
  *instance = (whit_instance){program, arena, state, NULL, NULL};
  whit_reset(instance);
  return WHIT_OK;
}

void whit_reset(const whit_instance *instance) {
  const whit_program *program = instance->program;
  for (uint32_t i = 0; i < program->state_count; i++) {
    const whit_state *state = &program->states[i];
    if (state->initial == WHIT_NONE) {
      memset(instance->state + state->offset, (int)(state->fill & 0xff), state->bytes);
    } else {
      memcpy(instance->state + state->offset, address(instance, state->initial), state->bytes);
    }
  }
}

uint32_t whit_step(const whit_instance *instance, uint32_t position) {
  const uint32_t *words = instance->program->records + position;
  const whit_record *record = (const whit_record *)(const void *)words;
  const uint32_t *references = words + sizeof *record / 4;
  void *operand[WHIT_MAX_OPERANDS];
  for (uint32_t i = 0; i < record->operands; i++) operand[i] = address(instance, references[i]);
  find(instance->program, WHIT_KEY(record->kernel, record->layout))
      ->run(references + record->operands, operand);
  return position + record->words;
}

void whit_run(const whit_instance *instance) {
  const whit_program *program = instance->program;
  for (uint32_t position = 0; position < program->record_words;) {
    const whit_record *record = (const whit_record *)(const void *)(program->records + position);
    position = whit_step(instance, position);
    if (instance->hook && !instance->hook(instance->hook_context, instance, record->layer)) return;
  }
}

void *whit_input(const whit_instance *instance, uint32_t index) {
  if (index >= instance->program->input_count) return NULL;
  return address(instance, instance->program->inputs[index].reference);
}

const void *whit_output(const whit_instance *instance, uint32_t index) {
  if (index >= instance->program->output_count) return NULL;
  return address(instance, instance->program->outputs[index].reference);
}

const char *whit_status_text(whit_status status) {
  switch (status) {
    case WHIT_OK: return "ok";
    case WHIT_ERROR_ARGUMENT: return "a pointer is null or misaligned";
    case WHIT_ERROR_MEMORY: return "the arena or state memory is too small for the program";
    case WHIT_ERROR_FORMAT: return "not a whit program, or damaged";
    case WHIT_ERROR_VERSION: return "made for another version of whit; compile it again";
    case WHIT_ERROR_KERNEL: return "needs a kernel that this build does not link";
    case WHIT_ERROR_RECORD: return "a record's parameters or offsets are not valid";
  }
  return "unknown status";
}
