/* Frames over a serial line, in both directions, little-endian:
 *
 *     0xc3, sequence, code, 0, payload bytes (16 bits), payload, CRC-32 of all from `sequence` on
 *
 * From the host `code` is a command, from the device a status; a reply bears its command's sequence
 * number. whit.boards.link is the other end. */
#ifndef WHIT_FIRMWARE_PROTOCOL_H
#define WHIT_FIRMWARE_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#define PROTOCOL_VERSION 1u
#define PROTOCOL_START 0xc3u
#define PROTOCOL_PAYLOAD 1024u /* most bytes in one frame */

/* Commands and answers; words are 32 bits. A reference is that of kernel.h: a region and an offset.
 * A time is two words, low first: platform_timer_fine(), with what measuring itself takes. */
enum {
  COMMAND_INFO = 1,  /* -> the words of firmware.c's answer_info() */
  COMMAND_WRITE = 2, /* reference, data -> */
  COMMAND_READ = 3,  /* reference, bytes -> data */
  COMMAND_RUN = 4,   /* runs -> time, from before the first to after the last run */
  COMMAND_STEP = 5,  /* position of a record -> time, position of the next */
  COMMAND_RESET = 6, /* -> */
  COMMAND_EXIT = 7   /* status ->, then the device stops */
};

enum {
  STATUS_OK = 0,
  STATUS_DAMAGED = 1,  /* the frame was cut short, too long or its CRC wrong: send it again */
  STATUS_UNKNOWN = 2,  /* no such command */
  STATUS_ARGUMENT = 3  /* an argument is missing or out of range */
};

typedef struct {
  uint8_t sequence;
  uint8_t code;
  uint16_t bytes;
  uint8_t payload[PROTOCOL_PAYLOAD];
} protocol_frame;

/* Wait for a frame; false for a damaged one. */
bool protocol_receive(protocol_frame *frame);
void protocol_send(const protocol_frame *frame);

/* Word `index` of a payload. */
uint32_t protocol_word(const protocol_frame *frame, uint32_t index);
void protocol_set_word(protocol_frame *frame, uint32_t index, uint32_t value);

#endif
