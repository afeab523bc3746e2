/* CRC-32 of IEEE 802.3, as program files and the serial link carry it. */
#ifndef WHIT_CRC32_H
#define WHIT_CRC32_H

#include <stdint.h>

#define WHIT_CRC32_START 0xffffffffu /* before the first byte; after the last, complement */

/* `crc`, one byte further: a nibble at a time, with a table of 64 bytes. */
static inline uint32_t whit_crc32_add(uint32_t crc, uint8_t byte) {
  static const uint32_t table[16] = {
      0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u,
      0x4db26158u, 0x5005713cu, 0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu,
      0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu};
  crc ^= byte;
  crc = (crc >> 4) ^ table[crc & 15u];
  return (crc >> 4) ^ table[crc & 15u];
}

#endif
