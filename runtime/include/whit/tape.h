/* The `.whit` file: this header, then the sections it points at. Little-endian, every section at a
 * multiple of WHIT_ALIGNMENT, so that the file can be used where it lies, in flash. */
#ifndef WHIT_TAPE_H
#define WHIT_TAPE_H

#include "whit.h"

#define WHIT_MAGIC 0x54494857u /* "WHIT" */
#define WHIT_FORMAT_VERSION 1

typedef struct {
  uint32_t magic;
  uint16_t format;
  uint16_t contract;
  uint32_t file_bytes;
  uint32_t crc32;           /* IEEE 802.3, of everything behind this member */
  uint32_t arena_bytes;
  uint32_t state_bytes;
  uint32_t records_offset;
  uint32_t record_words;
  uint32_t constants_offset;
  uint32_t constant_bytes;
  uint32_t inputs_offset;   /* whit_io each */
  uint32_t outputs_offset;
  uint32_t states_offset;   /* whit_state each */
  uint32_t kernels_offset;  /* keys of the kernels the records need, ascending */
  uint32_t names_offset;    /* NUL-terminated strings: I/O names, then one a layer */
  uint32_t name_bytes;
  uint16_t input_count;
  uint16_t output_count;
  uint16_t state_count;
  uint16_t kernel_count;
  uint32_t layer_names;     /* offset in names of the first layer's name */
  uint32_t layer_count;
  uint8_t target[16];       /* the target it was compiled for, NUL-padded */
} whit_tape_header;

#endif
