/* APB UART of the Arm Cortex-M System Design Kit (DDI 0479, section 4.3). */
#include "board.h"
#include "platform.h"

typedef struct {
  volatile uint32_t data;
  volatile uint32_t state;
  volatile uint32_t control;
  volatile uint32_t interrupts;
  volatile uint32_t baud_divider;
} uart_registers;

#define UART ((uart_registers *)BOARD_UART_ADDRESS)
#define STATE_SEND_FULL 1u
#define STATE_RECEIVE_FULL 2u
#define CONTROL_SEND 1u
#define CONTROL_RECEIVE 2u

void platform_uart_start(void) {
  UART->baud_divider = BOARD_CLOCK_HZ / BOARD_UART_BAUD;
  UART->control = CONTROL_SEND | CONTROL_RECEIVE;
}

bool platform_uart_receive(uint8_t *byte) {
  if (!(UART->state & STATE_RECEIVE_FULL)) return false;
  *byte = (uint8_t)UART->data;
  return true;
}

void platform_uart_send(uint8_t byte) {
  while (UART->state & STATE_SEND_FULL) {
  }
  UART->data = byte;
}
