/* CRC-32 of IEEE 802.3, as program files and the serial link carry it. */
#ifndef WHIT_CRC32_H
#define WHIT_CRC32_H

#include <stdint.h>

#define WHIT_CRC32_START 0xffffffffu /* before the first byte; after the last, complement */

/* `crc`, one byte further. Bit by bit: a table would be faster, and larger than all the rest. */
static inline uint32_t whit_crc32_add(uint32_t crc, uint8_t byte) {
  crc ^= byte;
  for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
  return crc;
}

#endif
