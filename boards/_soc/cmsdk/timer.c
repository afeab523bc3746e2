/* APB timer of the Arm Cortex-M System Design Kit (DDI 0479, section 4.1): counts down. */
#include "board.h"
#include "platform.h"

typedef struct {
  volatile uint32_t control;
  volatile uint32_t value;
  volatile uint32_t reload;
} timer_registers;

#define TIMER ((timer_registers *)BOARD_TIMER_ADDRESS)
#define CONTROL_ENABLE 1u

void platform_timer_start(void) {
  TIMER->control = 0;
  TIMER->reload = UINT32_MAX;
  TIMER->value = UINT32_MAX;
  TIMER->control = CONTROL_ENABLE;
}

uint32_t platform_timer_ticks(void) { return ~TIMER->value; }

/* Instructions of the loop below. */
#define INTERVAL 7
_Static_assert(BOARD_TIMER_SAMPLES == 1 || BOARD_TIMER_SAMPLES % INTERVAL != 0,
               "the sampling loop must not take a divisor of a tick");

uint64_t platform_timer_fine(void) {
  uint32_t low = 0, high = 0, left = BOARD_TIMER_SAMPLES, reading;
  __asm__ volatile(
      "1:\n\t"
      "ldr %[reading], [%[value]]\n\t"
      "mvns %[reading], %[reading]\n\t"
      "adds %[low], %[low], %[reading]\n\t"
      "adc %[high], %[high], #0\n\t"
      "nop\n\t"
      "subs %[left], %[left], #1\n\t"
      "bne 1b"
      : [low] "+r"(low), [high] "+r"(high), [left] "+r"(left), [reading] "=&r"(reading)
      : [value] "r"(&TIMER->value)
      : "cc", "memory");
  return (uint64_t)high << 32 | low;
}
