#include "protocol.h"

#include <stddef.h>
#include <string.h>

#include "board.h"
#include "platform.h"
#include "whit/crc32.h"

/* The rest of a frame must follow without a pause longer than this. */
#define BYTE_TIMEOUT_TICKS (BOARD_TIMER_HZ / 50u)
#define HEAD_BYTES 5u
#define CRC_BYTES 4u

static bool receive_soon(uint8_t *byte) {
  platform_timer_start();
  while (!platform_uart_receive(byte)) {
    if (platform_timer_ticks() > BYTE_TIMEOUT_TICKS) return false;
  }
  return true;
}

static bool receive_bytes(uint8_t *to, uint32_t count, uint32_t *crc) {
  for (uint32_t i = 0; i < count; i++) {
    if (!receive_soon(&to[i])) return false;
    *crc = whit_crc32_add(*crc, to[i]);
  }
  return true;
}

bool protocol_receive(protocol_frame *frame) {
  uint8_t start;
  do {
    while (!platform_uart_receive(&start)) {
    }
  } while (start != PROTOCOL_START);
  uint32_t crc = WHIT_CRC32_START;
  uint8_t head[HEAD_BYTES] = {0};
  bool whole = receive_bytes(head, HEAD_BYTES, &crc);
  frame->sequence = head[0];
  frame->code = head[1];
  frame->bytes = (uint16_t)(head[3] | head[4] << 8);
  if (!whole || frame->bytes > PROTOCOL_PAYLOAD) return false;
  uint8_t sum[CRC_BYTES];
  uint32_t ignored = 0;
  if (!receive_bytes(frame->payload, frame->bytes, &crc) ||
      !receive_bytes(sum, CRC_BYTES, &ignored)) {
    return false;
  }
  crc = ~crc;
  for (uint32_t i = 0; i < CRC_BYTES; i++) {
    if (sum[i] != (uint8_t)(crc >> (8 * i))) return false;
  }
  return true;
}

static uint32_t send_byte(uint32_t crc, uint32_t byte) {
  platform_uart_send((uint8_t)byte);
  return whit_crc32_add(crc, (uint8_t)byte);
}

void protocol_send(const protocol_frame *frame) {
  platform_uart_send(PROTOCOL_START);
  uint32_t crc = WHIT_CRC32_START;
  crc = send_byte(crc, frame->sequence);
  crc = send_byte(crc, frame->code);
  crc = send_byte(crc, 0);
  crc = send_byte(crc, frame->bytes & 0xffu);
  crc = send_byte(crc, frame->bytes >> 8);
  for (uint32_t i = 0; i < frame->bytes; i++) crc = send_byte(crc, frame->payload[i]);
  for (uint32_t i = 0; i < CRC_BYTES; i++) platform_uart_send((uint8_t)(~crc >> (8 * i)));
}

uint32_t protocol_word(const protocol_frame *frame, uint32_t index) {
  uint32_t word;
  memcpy(&word, frame->payload + 4 * index, sizeof word);
  return word;
}

void protocol_set_word(protocol_frame *frame, uint32_t index, uint32_t value) {
  memcpy(frame->payload + 4 * index, &value, sizeof value);
}
