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

uint32_t platform_timer_ticks(void) { return UINT32_MAX - TIMER->value; }
