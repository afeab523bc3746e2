/* Start-up of every Cortex-M: vector table, memory, floating-point unit, stack. */
#include <stddef.h>

#include "platform.h"

/* Defined by the linker script. */
extern uint32_t link_data_load[], link_data_start[], link_data_end[];
extern uint32_t link_bss_start[], link_bss_end[];
extern uint32_t link_stack_bottom[], link_stack_top[];

#define STACK_PAINT 0xa5a5a5a5u

void Reset_Handler(void);

static void fault(void) {
  uint32_t exception;
  __asm__ volatile("mrs %0, ipsr" : "=r"(exception));
  platform_exit(PLATFORM_FAULT + exception);
}

typedef void handler(void);
typedef struct {
  const void *stack;
  handler *handlers[15];
} vector_table;

/* Armv7-M Architecture Reference Manual, B1.5.3. The firmware enables no interrupt. */
__attribute__((section(".vectors"), used)) static const vector_table vectors = {
    link_stack_top,
    {Reset_Handler, fault, fault, fault, fault, fault, NULL, NULL, NULL, NULL, fault, fault, NULL,
     fault, fault}};

static void set_up_memory(void) {
  const uint32_t *from = link_data_load;
  for (uint32_t *to = link_data_start; to < link_data_end;) *to++ = *from++;
  for (uint32_t *to = link_bss_start; to < link_bss_end;) *to++ = 0;
}

/* Everything below the current stack pointer, for platform_stack_used(). */
static void paint_stack(void) {
  uint32_t *top;
  __asm__ volatile("mov %0, sp" : "=r"(top));
  for (volatile uint32_t *word = link_stack_bottom; word < top; word++) *word = STACK_PAINT;
}

void Reset_Handler(void) {
#if defined(__ARM_FP)
  volatile uint32_t *cpacr = (volatile uint32_t *)0xe000ed88u;
  *cpacr |= 0xfu << 20; /* full access to coprocessors 10 and 11 */
  __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
  paint_stack();
  set_up_memory();
  firmware();
}

uint32_t platform_stack_bytes(void) {
  return (uint32_t)((uintptr_t)link_stack_top - (uintptr_t)link_stack_bottom);
}

uint32_t platform_stack_used(void) {
  const volatile uint32_t *word = link_stack_bottom;
  while (word < link_stack_top && *word == STACK_PAINT) word++;
  return (uint32_t)((uintptr_t)link_stack_top - (uintptr_t)word);
}
