/* A sled of no-ops, entered so that `instructions` of them are left. */
#include "platform.h"

void platform_delay(uint32_t instructions) {
  uint32_t skipped = PLATFORM_DELAY_MAX - instructions % (PLATFORM_DELAY_MAX + 1u);
  uint32_t target;
  /* Each no-op has 2 bytes; bit 0 of the target keeps the core in Thumb state. */
  __asm__ volatile(
      "adr.w %0, 1f\n\t"
      "add.w %0, %0, %1, lsl #1\n\t"
      "orr.w %0, %0, #1\n\t"
      "bx %0\n\t"
      ".balign 4\n\t"
      "1:\n\t"
      ".rept 63\n\t"
      "nop\n\t"
      ".endr\n\t"
      : "=&r"(target)
      : "r"(skipped));
}
