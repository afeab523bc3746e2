/* memcpy and its kin: cross compilers bring none, or one that copies byte by byte. Compiled with
 * -fno-builtin, so that the compiler does not turn these loops into calls of themselves. */
#include <stdint.h>
#include <string.h>

#define WORD sizeof(uint32_t)

typedef uint32_t __attribute__((may_alias)) word;

static int together_aligned(const void *a, const void *b) {
  return (((uintptr_t)a | (uintptr_t)b) & (WORD - 1)) == 0;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  uint8_t *out = to;
  const uint8_t *in = from;
  if (together_aligned(to, from)) {
    for (; bytes >= WORD; bytes -= WORD, out += WORD, in += WORD) {
      *(word *)(void *)out = *(const word *)(const void *)in;
    }
  }
  while (bytes--) *out++ = *in++;
  return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
  uint8_t *out = to;
  const uint8_t *in = from;
  if ((uintptr_t)to - (uintptr_t)from >= bytes) return memcpy(to, from, bytes);
  while (bytes--) out[bytes] = in[bytes];
  return to;
}

void *memset(void *to, int value, size_t bytes) {
  uint8_t *out = to;
  uint32_t pattern = (uint8_t)value * 0x01010101u;
  for (; bytes && (uintptr_t)out % WORD; bytes--) *out++ = (uint8_t)value;
  for (; bytes >= WORD; bytes -= WORD, out += WORD) *(word *)(void *)out = pattern;
  while (bytes--) *out++ = (uint8_t)value;
  return to;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}
