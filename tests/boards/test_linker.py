"""The generated linker script."""

from __future__ import annotations

import re

import pytest

from whit.boards import linker
from whit.boards.board import Board, boards


@pytest.mark.parametrize("board", boards(), ids=lambda b: b.name)
def test_memories_and_modules(board: Board) -> None:
    script = linker.linker_script(board)
    for memory in board.memories:
        row = rf"{memory.name} \(\w+\) : ORIGIN = {memory.address:#x}, LENGTH = {memory.bytes:#x}$"
        assert re.search(row, script, re.M)
    for module in (*linker.FLASH, *linker.RAM):
        assert re.search(rf"^  {re.escape(module.section)} .*:", script, re.M)
    assert f". = . + {board.stack_bytes} ;" in script


@pytest.mark.parametrize("board", boards(), ids=lambda b: b.name)
def test_lld_gets_its_blanks(board: Board) -> None:
    script = linker.linker_script(board)
    assert not re.search(r"\S[=:]|[=:]\S", script.replace("/DISCARD/", ""))


def test_objects_of_a_module_match_its_pattern_only() -> None:
    names = {m.name: linker.object_name(m, "generic-kernels-runtime") for m in linker.COMPILED}
    for module in linker.COMPILED:
        matching = [name for name, file in names.items() if f"whit-{module.name}-" in file]
        assert matching == [module.name]
