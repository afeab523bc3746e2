/* Leaving through semihosting (Arm IHI 0095, SYS_EXIT_EXTENDED): ends the emulator with a status. */
#include "platform.h"

#define SYS_EXIT_EXTENDED 0x20u
#define ADP_STOPPED_APPLICATION_EXIT 0x20026u

_Noreturn void platform_exit(uint32_t status) {
  const uint32_t block[2] = {ADP_STOPPED_APPLICATION_EXIT, status};
  for (;;) {
    register uint32_t operation __asm__("r0") = SYS_EXIT_EXTENDED;
    register const uint32_t *argument __asm__("r1") = block;
    __asm__ volatile("bkpt #0xab" : "+r"(operation) : "r"(argument) : "memory");
  }
}
