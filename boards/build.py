"""Firmware: a program, the runtime, the kernels it uses and a board's C, linked into one image."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from whit.boards import linker
from whit.boards.board import Board
from whit.boards.size import Sizes, image_sizes
from whit.boards.toolchain import Job, Toolchain, toolchain
from whit.converter.errors import CapacityError, InputError, ToolError
from whit.runtime.emit_c import emit
from whit.runtime.kernel_table import kernels
from whit.runtime.paths import core_sources, include_directory, kernel_set_directory
from whit.runtime.tape import Program

_BOARDS = Path(__file__).parent
_SMALL = ("-Os",)
"""For all but kernels."""
_MEMORY = ("-O2", "-fno-builtin", "-fno-unroll-loops")
"""For memcpy, whose loop must not become a call of memcpy."""
_OVERFLOW = re.compile(
    r"will not fit in region [`'](\w+)'.*overflowed by (\d+) bytes"
    r"|region [`'](\w+)' overflowed by (\d+) bytes"
)


@dataclass(frozen=True)
class Firmware:
    """A linked image."""

    elf: Path
    board: Board
    program: Program
    sizes: Sizes


def build(
    program: Program, board: Board, output: Path | str, toolchain_name: str = "zig"
) -> Firmware:
    """Compile and link `program` for `board` into the ELF file `output`.

    Raises ToolError where the compiler is missing or fails, CapacityError where the image does not
    fit the board, InputError where the output cannot be written.
    """
    elf = Path(output).resolve()
    tools = toolchain(toolchain_name, board.target, _BOARDS / "_soc" / "freestanding")
    with tempfile.TemporaryDirectory(prefix="whit-") as folder:
        work = Path(folder)
        for name, text in emit(program).items():
            (work / name).write_text(text)
        (work / "board.h").write_text(board_header(board))
        script = work / "link.ld"
        script.write_text(linker.linker_script(board))
        objects = _compile(tools, program, board, work)
        image = work / "firmware.elf"
        _link(tools, board, objects, script, image)
        try:
            elf.write_bytes(image.read_bytes())
        except OSError as error:
            raise InputError(f"{output}: cannot be written: {error.strerror}") from error
    return Firmware(elf, board, program, image_sizes(elf, board))


def board_header(board: Board) -> str:
    """board.h: what C needs to know of board.toml."""
    return f"""\
#ifndef WHIT_BOARD_H
#define WHIT_BOARD_H

#define BOARD_CLOCK_HZ {board.clock_hz}u
#define BOARD_UART_ADDRESS {board.uart.address:#010x}u
#define BOARD_UART_BAUD {board.uart.baud}u
#define BOARD_TIMER_ADDRESS {board.timer.address:#010x}u
#define BOARD_TIMER_HZ {board.timer.hz}u
#define BOARD_TIMER_SAMPLES {board.timer_samples}u

#endif
"""


def kernel_sources(kernel_set: str, used: Collection[str]) -> list[Path]:
    """The C files of a set that may define any of the kernels `used` (names of kernels.h): those
    that spell a name, and those that spell no kernel's name, which are helpers."""
    found = []
    for source in sorted(kernel_set_directory(kernel_set).glob("*.c")):
        text = source.read_text()
        if any(name in text for name in used) or not any(name in text for name in kernels()):
            found.append(source)
    return found


def _sources(
    program: Program, board: Board, work: Path
) -> Iterator[tuple[linker.Module, Path]]:
    for family in board.soc:
        for source in sorted((_BOARDS / "_soc" / family).glob("*.c")):
            yield linker.STARTUP, source
    for source in sorted((_BOARDS / "firmware").glob("*.c")):
        yield linker.STARTUP, source
    for source in core_sources():
        yield linker.RUNTIME, source
    for kernel_set in board.target.kernel_sets:
        for source in kernel_sources(kernel_set, {name for name, _ in program.kernels}):
            yield linker.KERNELS, source
    yield linker.MODEL, work / "model.c"
    yield linker.SUPPORT, _BOARDS / "_soc" / "freestanding" / "memory.c"


def _compile(tools: Toolchain, program: Program, board: Board, work: Path) -> list[Path]:
    # The compiler caches by its command line, so what does not need the work folder is not told it.
    headers = [include_directory()]
    own = [work, *headers, _BOARDS / "_soc"]
    sets = [*headers, *(kernel_set_directory(name).parent for name in board.target.kernel_sets)]
    how: dict[linker.Module, tuple[list[Path], Sequence[str]]] = {
        linker.STARTUP: (own, _SMALL),
        linker.RUNTIME: (headers, _SMALL),
        linker.KERNELS: (sets, board.target.optimize),
        linker.MODEL: (own, _SMALL),
        linker.SUPPORT: ([], _MEMORY),
    }
    jobs = []
    for module, source in _sources(program, board, work):
        out = work / linker.object_name(module, f"{source.parent.name}-{source.stem}")
        include, flags = how[module]
        jobs.append(Job(source, out, include, flags))
    tools.compile(jobs)
    return [job.out for job in jobs]


def _link(
    tools: Toolchain, board: Board, objects: list[Path], script: Path, image: Path
) -> None:
    try:
        tools.link(objects, script, "Reset_Handler", image)
    except ToolError as error:
        over = {
            (a or c): max(int(b or 0), int(d or 0))
            for a, b, c, d in _OVERFLOW.findall(str(error))
        }
        if not over:
            raise
        by = " and ".join(f"{name} by {count:,} bytes" for name, count in sorted(over.items()))
        raise CapacityError(
            f"the model does not fit board '{board.name}': it exceeds {by}; choose a smaller model "
            "or another board"
        ) from error
