/* The firmware: answers commands about the one program it was built with. */
#include <string.h>

#include "board.h"
#include "model.h"
#include "platform.h"
#include "protocol.h"
#include "whit/kernel.h"

/* In sections of their own, so that the linked image tells their sizes. */
WHIT_ALIGNED static uint8_t arena[MODEL_ARENA_BYTES] __attribute__((section(".bss.arena")));
#if MODEL_STATE_BYTES
WHIT_ALIGNED static uint8_t state[MODEL_STATE_BYTES] __attribute__((section(".bss.state")));
#define STATE state
#else
#define STATE NULL
#endif

static whit_instance net;

/* The last run or step: repeated instead of done again when its reply got lost on the way. */
static struct {
  bool valid;
  uint8_t sequence;
  uint8_t code;
  uint32_t words[3];
} last;

static void answer(protocol_frame *frame, uint8_t status, uint32_t bytes) {
  frame->code = status;
  frame->bytes = (uint16_t)bytes;
  protocol_send(frame);
}

static void answer_info(protocol_frame *frame) {
  const uint32_t words[] = {
      PROTOCOL_VERSION,        PROTOCOL_PAYLOAD,       WHIT_CONTRACT_VERSION,
      MODEL_DIGEST,            model_program.arena_bytes, model_program.state_bytes,
      model_program.record_words, BOARD_TIMER_HZ * BOARD_TIMER_SAMPLES, platform_stack_bytes(),
      platform_stack_used()};
  memcpy(frame->payload, words, sizeof words);
  answer(frame, STATUS_OK, sizeof words);
}

/* The memory a reference names, if all of it is there. */
static uint8_t *locate(uint32_t reference, uint32_t bytes, bool writing) {
  uint32_t offset = reference & WHIT_OFFSET_MASK;
  uint8_t *start;
  uint32_t size;
  switch (reference >> WHIT_REGION_SHIFT) {
    case WHIT_ARENA:
      start = net.arena;
      size = model_program.arena_bytes;
      break;
    case WHIT_STATE:
      start = net.state;
      size = model_program.state_bytes;
      break;
    case WHIT_CONSTANTS:
      start = (uint8_t *)(uintptr_t)model_program.constants;
      size = writing ? 0 : model_program.constant_bytes;
      break;
    default:
      return NULL;
  }
  return offset <= size && bytes <= size - offset ? start + offset : NULL;
}

static void do_write(protocol_frame *frame) {
  uint32_t bytes = frame->bytes - 4u;
  uint8_t *to = frame->bytes < 4 ? NULL : locate(protocol_word(frame, 0), bytes, true);
  if (!to) {
    answer(frame, STATUS_ARGUMENT, 0);
    return;
  }
  memcpy(to, frame->payload + 4, bytes);
  answer(frame, STATUS_OK, 0);
}

static void do_read(protocol_frame *frame) {
  uint32_t bytes = frame->bytes == 8 ? protocol_word(frame, 1) : UINT32_MAX;
  const uint8_t *from =
      bytes > PROTOCOL_PAYLOAD ? NULL : locate(protocol_word(frame, 0), bytes, false);
  if (!from) {
    answer(frame, STATUS_ARGUMENT, 0);
    return;
  }
  memcpy(frame->payload, from, bytes);
  answer(frame, STATUS_OK, bytes);
}

static bool is_record(uint32_t position) {
  for (uint32_t at = 0; at < model_program.record_words;) {
    if (at == position) return true;
    at += ((const whit_record *)(const void *)(model_program.records + at))->words;
  }
  return false;
}

static void set_time(uint32_t words[], uint64_t time) {
  words[0] = (uint32_t)time;
  words[1] = (uint32_t)(time >> 32);
}

static void do_run(uint32_t runs, uint32_t result[]) {
  platform_timer_start();
  while (runs--) whit_run(&net);
  set_time(result, platform_timer_fine());
}

static void do_step(uint32_t position, uint32_t result[]) {
  platform_timer_start();
  result[2] = whit_step(&net, position);
  set_time(result, platform_timer_fine());
}

static void do_once(protocol_frame *frame) {
  uint32_t words = frame->code == COMMAND_RUN ? 2 : 3;
  if (!last.valid || last.sequence != frame->sequence || last.code != frame->code) {
    if (frame->bytes != 4 ||
        (frame->code == COMMAND_STEP && !is_record(protocol_word(frame, 0)))) {
      answer(frame, STATUS_ARGUMENT, 0);
      return;
    }
    if (frame->code == COMMAND_RUN) {
      do_run(protocol_word(frame, 0), last.words);
    } else {
      do_step(protocol_word(frame, 0), last.words);
    }
    last.valid = true;
    last.sequence = frame->sequence;
    last.code = frame->code;
  }
  for (uint32_t i = 0; i < words; i++) protocol_set_word(frame, i, last.words[i]);
  answer(frame, STATUS_OK, 4 * words);
}

static void obey(protocol_frame *frame) {
  if (last.sequence != frame->sequence || last.code != frame->code) last.valid = false;
  switch (frame->code) {
    case COMMAND_INFO:
      answer_info(frame);
      break;
    case COMMAND_WRITE:
      do_write(frame);
      break;
    case COMMAND_READ:
      do_read(frame);
      break;
    case COMMAND_RUN:
    case COMMAND_STEP:
      do_once(frame);
      break;
    case COMMAND_RESET:
      whit_reset(&net);
      answer(frame, STATUS_OK, 0);
      break;
    case COMMAND_EXIT: {
      uint32_t status = frame->bytes == 4 ? protocol_word(frame, 0) : 0;
      answer(frame, STATUS_OK, 0);
      platform_exit(status);
    }
    default:
      answer(frame, STATUS_UNKNOWN, 0);
  }
}

_Noreturn void firmware(void) {
  static protocol_frame frame;
  platform_uart_start();
  whit_status status = whit_init(&net, &model_program, arena, sizeof arena, STATE, MODEL_STATE_BYTES);
  if (status != WHIT_OK) platform_exit((uint32_t)status);
  for (;;) {
    if (protocol_receive(&frame)) {
      obey(&frame);
    } else {
      answer(&frame, STATUS_DAMAGED, 0);
    }
  }
}
