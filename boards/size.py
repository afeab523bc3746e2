"""What a linked image takes, to the byte, read from its ELF sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from whit.boards import linker
from whit.boards.board import Board, Memory
from whit.converter.errors import InputError

_ALLOCATED = 2  # SHF_ALLOC


@dataclass(frozen=True)
class Usage:
    """How one memory is used: bytes by module in address order, and alignment between them."""

    memory: Memory
    modules: Mapping[str, int]
    padding: int

    @property
    def total(self) -> int:
        return sum(self.modules.values()) + self.padding

    @property
    def free(self) -> int:
        return self.memory.bytes - self.total


@dataclass(frozen=True)
class Sizes:
    """Flash and RAM of an image; modules are those of `whit.boards.linker`."""

    flash: Usage
    ram: Usage

    @property
    def code(self) -> int:
        """Text and read-only data of runtime and kernels, with the compiler's support functions;
        without the model's constants, start-up and transport."""
        parts = (linker.RUNTIME, linker.KERNELS, linker.SUPPORT)
        return sum(self.flash.modules[part.name] for part in parts)


def image_sizes(elf: Path, board: Board) -> Sizes:
    """Sizes of a firmware that `whit.boards.build` linked for `board`.

    Raises InputError for a file that is not such an image.
    """
    try:
        with elf.open("rb") as file:
            image = ELFFile(file)
            sections = {
                s.name: (s["sh_addr"], s["sh_size"], s["sh_type"])
                for s in image.iter_sections()
                if s["sh_flags"] & _ALLOCATED
            }
    except (OSError, ELFError) as error:
        raise InputError(f"{elf}: cannot be read as an ELF image: {error}") from error
    known = {module.section for module in (*linker.FLASH, *linker.RAM)}
    if not sections.keys() <= known or linker.RUNTIME.section not in sections:
        raise InputError(f"{elf}: not a firmware image that whit built")
    extents = {name: (address, size) for name, (address, size, _) in sections.items() if size}
    return Sizes(
        _usage(board.memory("flash"), linker.FLASH, extents),
        _usage(board.memory("ram"), linker.RAM, extents),
    )


def _usage(
    memory: Memory, modules: Sequence[linker.Module], extents: Mapping[str, tuple[int, int]]
) -> Usage:
    sizes = {m.name: extents.get(m.section, (0, 0))[1] for m in modules}
    ends = [
        address + size
        for address, size in (extents[m.section] for m in modules if m.section in extents)
        if memory.address <= address < memory.end
    ]
    # initialized variables are addressed in RAM; their copy in flash follows the last section
    in_flash_only = memory.kind == "flash" and sizes[linker.DATA.name]
    end = max(ends, default=memory.address)
    if in_flash_only:
        end = -(-end // 4) * 4 + sizes[linker.DATA.name]
    return Usage(memory, sizes, end - memory.address - sum(sizes.values()))


def symbols(elf: Path) -> set[str]:
    """Names of every symbol in the image's symbol table."""
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        return {symbol.name for symbol in table.iter_symbols() if symbol.name}
