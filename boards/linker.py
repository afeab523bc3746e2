"""Linker scripts, generated from a board's memory map.

Each module of the firmware gets an output section of its own, so that an image tells its sizes by
itself. Readable by GNU ld and by lld, which wants blanks around `=` and `:`.
"""

from __future__ import annotations

from dataclasses import dataclass

from whit.boards.board import Board


@dataclass(frozen=True)
class Module:
    """A part of the firmware. section: its output section in flash, or in RAM for `ram`."""

    name: str
    section: str
    title: str


STARTUP = Module("startup", ".startup", "start-up and transport")
RUNTIME = Module("runtime", ".runtime", "runtime core")
KERNELS = Module("kernels", ".kernels", "kernels")
MODEL = Module("model", ".model", "model: constants and records")
SUPPORT = Module("support", ".support", "compiler support")
DATA = Module("data", ".data", "initialized variables")
STACK = Module("stack", ".stack", "stack")
ARENA = Module("arena", ".arena", "arena")
STATE = Module("state", ".state", "state")
VARIABLES = Module("variables", ".bss", "other variables")

COMPILED = (STARTUP, RUNTIME, KERNELS, MODEL)
"""Modules that consist of object files of our own."""
FLASH = (*COMPILED, SUPPORT, DATA)
RAM = (STACK, DATA, ARENA, STATE, VARIABLES)


def object_name(module: Module, stem: str) -> str:
    """The file name of an object, by which the linker script knows its module."""
    return f"whit-{module.name}-{stem}.o"


def linker_script(board: Board) -> str:
    """The script that lays the firmware out on `board`.

    The stack lies lowest in RAM, so that an overflow leaves RAM and faults instead of overwriting
    data.
    """
    flash, ram = board.memory("flash").name, board.memory("ram").name
    memories = "\n".join(
        f"  {m.name} ({'rx' if m.kind == 'flash' else 'rwx'}) : "
        f"ORIGIN = {m.address:#x}, LENGTH = {m.bytes:#x}"
        for m in board.memories
    )
    code = "\n".join(_code(m.section, f"*whit-{m.name}-*.o", flash) for m in COMPILED)
    return f"""\
ENTRY(Reset_Handler)

MEMORY
{{
{memories}
}}

SECTIONS
{{
{code}
{_code(SUPPORT.section, "*", flash)}

  {STACK.section} (NOLOAD) : ALIGN(8)
  {{
    link_stack_bottom = . ;
    . = . + {board.stack_bytes} ;
    link_stack_top = . ;
  }} > {ram}

  {DATA.section} : ALIGN(4)
  {{
    link_data_start = . ;
    *(.data .data.*)
    . = ALIGN(4) ;
    link_data_end = . ;
  }} > {ram} AT > {flash}
  link_data_load = LOADADDR({DATA.section}) ;

  {ARENA.section} (NOLOAD) : ALIGN(16) {{ *(.bss.arena) }} > {ram}
  {STATE.section} (NOLOAD) : ALIGN(16) {{ *(.bss.state) }} > {ram}
  {VARIABLES.section} (NOLOAD) : ALIGN(4)
  {{
    link_bss_start = . ;
    *(.bss .bss.* COMMON)
    . = ALIGN(4) ;
    link_bss_end = . ;
  }} > {ram}

  /DISCARD/ : {{ *(.ARM.exidx .ARM.exidx.* .ARM.extab .ARM.extab.* .eh_frame) }}
}}
"""


def _code(section: str, files: str, memory: str) -> str:
    vectors = f"KEEP({files}(.vectors)) " if section == STARTUP.section else ""
    inputs = ".text .text.* .rodata .rodata.* .data.rel.ro .data.rel.ro.*"
    return f"  {section} : ALIGN(4) {{ {vectors}{files}({inputs}) }} > {memory}"
