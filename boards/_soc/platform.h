/* What the firmware needs of a board. A folder of boards/_soc defines each of these once; which
 * folders a board takes is in its board.toml. board.h, made from board.toml, has the addresses. */
#ifndef WHIT_BOARDS_PLATFORM_H
#define WHIT_BOARDS_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

/* The serial port. */
void platform_uart_start(void);
/* True when a byte had arrived; never waits. */
bool platform_uart_receive(uint8_t *byte);
/* Waits until there is room for the byte. */
void platform_uart_send(uint8_t byte);

/* Count ticks of BOARD_TIMER_HZ from 0; starting it again starts over. */
void platform_timer_start(void);
uint32_t platform_timer_ticks(void);

/* The same time and a constant more, BOARD_TIMER_SAMPLES times as fine: the sum of that many
 * readings. In an emulator where a tick takes BOARD_TIMER_SAMPLES instructions, readings that lie
 * a number of instructions apart that is coprime to it meet every fraction of a tick once, and
 * their sum counts instructions exactly (Hermite's identity). */
uint64_t platform_timer_fine(void);

/* Bytes of stack reserved, and the most that was ever in use. */
uint32_t platform_stack_bytes(void);
uint32_t platform_stack_used(void);

/* Stop. `status` 0 is success; PLATFORM_FAULT + n is processor exception n. */
#define PLATFORM_FAULT 64u
_Noreturn void platform_exit(uint32_t status);

/* The firmware itself, called once memory is set up. */
_Noreturn void firmware(void);

#endif
