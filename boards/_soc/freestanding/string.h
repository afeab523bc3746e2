/* The part of string.h that kernels may use, for toolchains that come without a C library. */
#ifndef WHIT_BOARDS_STRING_H
#define WHIT_BOARDS_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
size_t strlen(const char *text);

#endif
