/* Everything of whit.h from the caller's side:
 *
 *     c_api FILE RUNS
 *
 * FILE: a streaming program. Reads the inputs of RUNS runs from stdin and writes their outputs to
 * stdout, once each: by whit_run(), after a reset by whit_step(), and by two instances of which the
 * other is one run behind, step by step in turns. */
#include <stdio.h>

#include "attempt.h"

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);         \
      exit(1);                                                                \
    }                                                                         \
  } while (0)

#define MAX_RUNS 16

static _Alignas(WHIT_ALIGNMENT) uint8_t file[1 << 16], copy[1 << 16];
static size_t file_bytes;
static uint8_t inputs[MAX_RUNS][1 << 12];

static whit_status load_copy(whit_program *program, uint32_t *detail) {
  return whit_load(program, copy, file_bytes, &whit_generic_kernels, detail);
}

static void test_load(void) {
  whit_program program;
  uint32_t detail = 77;
  CHECK(whit_load(NULL, file, file_bytes, &whit_generic_kernels, NULL) == WHIT_ERROR_ARGUMENT);
  CHECK(whit_load(&program, NULL, file_bytes, &whit_generic_kernels, NULL) == WHIT_ERROR_ARGUMENT);
  CHECK(whit_load(&program, file, file_bytes, NULL, NULL) == WHIT_ERROR_ARGUMENT);
  for (int shift = 1; shift < WHIT_ALIGNMENT; shift++) {
    memcpy(copy + shift, file, file_bytes);
    CHECK(whit_load(&program, copy + shift, file_bytes, &whit_generic_kernels, NULL) ==
          WHIT_ERROR_ARGUMENT);
  }
  CHECK(whit_load(&program, file, 0, &whit_generic_kernels, NULL) == WHIT_ERROR_FORMAT);
  CHECK(whit_load(&program, file, file_bytes - 1, &whit_generic_kernels, NULL) ==
        WHIT_ERROR_FORMAT);

  whit_tape_header *header = (void *)copy;
  memcpy(copy, file, file_bytes);
  copy[file_bytes - 1] ^= 1;
  CHECK(load_copy(&program, NULL) == WHIT_ERROR_FORMAT);
  memcpy(copy, file, file_bytes);
  header->contract++;
  CHECK(load_copy(&program, NULL) == WHIT_ERROR_VERSION);
  header->contract--;
  header->format++;
  CHECK(load_copy(&program, NULL) == WHIT_ERROR_VERSION);

  const whit_kernel_set none = {whit_generic_kernels.kernels, whit_generic_kernels.contracts, 0};
  CHECK(whit_load(&program, file, file_bytes, &none, &detail) == WHIT_ERROR_KERNEL);
  memcpy(copy, file, file_bytes);
  uint32_t first_kernel;
  memcpy(&first_kernel, copy + header->kernels_offset, sizeof first_kernel);
  CHECK(detail == first_kernel);

  whit_record record;
  memcpy(&record, copy + header->records_offset, sizeof record);
  uint32_t second = record.words;
  memset(copy + header->records_offset + 4 * (second + 2), 0xee, 4); /* its scratch_bytes */
  attempt_seal(copy, file_bytes);
  CHECK(load_copy(&program, &detail) == WHIT_ERROR_RECORD);
  CHECK(detail == second);

  CHECK(whit_load(&program, file, file_bytes, &whit_generic_kernels, &detail) == WHIT_OK);
  CHECK(detail == 0);
}

static void test_init(const whit_program *program, uint8_t *arena, uint8_t *state) {
  whit_instance net;
  size_t arena_bytes = program->arena_bytes, state_bytes = program->state_bytes;
  CHECK(arena_bytes && state_bytes);
  CHECK(whit_init(NULL, program, arena, arena_bytes, state, state_bytes) == WHIT_ERROR_ARGUMENT);
  CHECK(whit_init(&net, NULL, arena, arena_bytes, state, state_bytes) == WHIT_ERROR_ARGUMENT);
  CHECK(whit_init(&net, program, NULL, arena_bytes, state, state_bytes) == WHIT_ERROR_ARGUMENT);
  CHECK(whit_init(&net, program, arena, arena_bytes, NULL, state_bytes) == WHIT_ERROR_ARGUMENT);
  CHECK(whit_init(&net, program, arena + 8, arena_bytes, state, state_bytes) ==
        WHIT_ERROR_ARGUMENT);
  CHECK(whit_init(&net, program, arena, arena_bytes, state + 1, state_bytes) ==
        WHIT_ERROR_ARGUMENT);
  CHECK(whit_init(&net, program, arena, arena_bytes - 1, state, state_bytes) ==
        WHIT_ERROR_MEMORY);
  CHECK(whit_init(&net, program, arena, arena_bytes, state, state_bytes - 1) ==
        WHIT_ERROR_MEMORY);
  CHECK(whit_init(&net, program, arena, arena_bytes, state, state_bytes) == WHIT_OK);
  CHECK(whit_input(&net, 0) && !whit_input(&net, program->input_count));
  CHECK(whit_output(&net, 0) && !whit_output(&net, program->output_count));
}

static void test_status_texts(void) {
  for (int a = WHIT_OK; a <= WHIT_ERROR_RECORD + 1; a++) {
    const char *text = whit_status_text((whit_status)a);
    CHECK(text && *text);
    for (int b = WHIT_OK; b < a; b++) CHECK(strcmp(text, whit_status_text((whit_status)b)));
  }
}

typedef struct {
  uint32_t calls;
  uint32_t stop_after;
  uint32_t last_layer;
} watch;

static bool on_record(void *context, const whit_instance *instance, uint32_t layer) {
  watch *seen = context;
  CHECK(instance->hook_context == context);
  CHECK(layer >= seen->last_layer);
  seen->last_layer = layer;
  return ++seen->calls != seen->stop_after;
}

static uint32_t count_records(const whit_program *program) {
  uint32_t records = 0;
  for (uint32_t at = 0; at < program->record_words; records++) {
    at += ((const whit_record *)(const void *)(program->records + at))->words;
  }
  return records;
}

/* A run stopped after record k leaves memory as k steps do. */
static void test_hook(whit_instance *net) {
  const whit_program *program = net->program;
  uint32_t records = count_records(program);
  uint8_t *stepped = attempt_memory(program->arena_bytes);
  for (uint32_t stop = 1; stop <= records + 1; stop++) {
    watch seen = {0, stop, 0};
    net->hook = NULL;
    whit_reset(net);
    memset(net->arena, 0x5a, program->arena_bytes);
    memcpy(whit_input(net, 0), inputs[0], program->inputs[0].bytes);
    uint32_t at = 0;
    for (uint32_t i = 0; i < stop && i < records; i++) at = whit_step(net, at);
    memcpy(stepped, net->arena, program->arena_bytes);
    whit_reset(net);
    memset(net->arena, 0x5a, program->arena_bytes);
    memcpy(whit_input(net, 0), inputs[0], program->inputs[0].bytes);
    net->hook = on_record;
    net->hook_context = &seen;
    whit_run(net);
    CHECK(seen.calls == (stop < records ? stop : records));
    CHECK(memcmp(stepped, net->arena, program->arena_bytes) == 0);
  }
  net->hook = NULL;
  free(stepped);
}

static void feed(const whit_instance *net, uint32_t run) {
  memcpy(whit_input(net, 0), inputs[run], net->program->inputs[0].bytes);
}

static void write_output(const whit_instance *net) {
  fwrite(whit_output(net, 0), net->program->outputs[0].bytes, 1, stdout);
}

static void in_turns(const whit_instance nets[2], uint32_t runs) {
  uint32_t words = nets[0].program->record_words;
  feed(&nets[1], 0);
  whit_run(&nets[1]); /* one run ahead */
  for (uint32_t run = 0; run < runs; run++) {
    uint32_t a = 0, b = 0;
    feed(&nets[0], run);
    if (run + 1 < runs) feed(&nets[1], run + 1); else b = words;
    while (a < words || b < words) {
      if (a < words) a = whit_step(&nets[0], a);
      if (b < words) b = whit_step(&nets[1], b);
    }
    write_output(&nets[0]);
  }
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  FILE *in = fopen(argv[1], "rb");
  CHECK(in);
  file_bytes = fread(file, 1, sizeof file - WHIT_ALIGNMENT, in);
  fclose(in);
  test_load();
  test_status_texts();
  whit_program program;
  CHECK(whit_load(&program, file, file_bytes, &whit_generic_kernels, NULL) == WHIT_OK);
  uint32_t runs = (uint32_t)atoi(argv[2]);
  CHECK(runs <= MAX_RUNS && program.inputs[0].bytes <= sizeof inputs[0]);
  for (uint32_t i = 0; i < runs; i++) {
    CHECK(fread(inputs[i], program.inputs[0].bytes, 1, stdin) == 1);
  }

  uint8_t *arenas[2], *states[2];
  whit_instance nets[2];
  for (int i = 0; i < 2; i++) {
    arenas[i] = attempt_memory(program.arena_bytes);
    states[i] = attempt_memory(program.state_bytes);
    test_init(&program, arenas[i], states[i]);
    CHECK(whit_init(&nets[i], &program, arenas[i], program.arena_bytes, states[i],
                    program.state_bytes) == WHIT_OK);
  }
  for (uint32_t i = 0; i < runs; i++) {
    feed(&nets[0], i);
    whit_run(&nets[0]);
    write_output(&nets[0]);
  }
  whit_reset(&nets[0]);
  for (uint32_t i = 0; i < runs; i++) {
    feed(&nets[0], i);
    for (uint32_t at = 0; at < program.record_words;) at = whit_step(&nets[0], at);
    write_output(&nets[0]);
  }
  test_hook(&nets[0]);
  whit_reset(&nets[0]);
  in_turns(nets, runs);
  for (int i = 0; i < 2; i++) {
    free(arenas[i]);
    free(states[i]);
  }
  return 0;
}
