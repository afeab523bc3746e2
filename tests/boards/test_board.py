"""board.toml: what comes with whit is sound, what is wrong is told by file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from whit.boards.board import boards, load_board
from whit.converter.errors import InputError

GOOD = """\
description = "a board"
target = "cortex-m4"
soc = ["cortex_m", "cmsdk", "semihosting"]
clock_hz = 1000
stack_bytes = 64
[uart]
address = 0x40000000
baud = 9600
[timer]
address = 0x40001000
hz = 1000
[[memory]]
name = "ROM"
kind = "flash"
address = 0
bytes = 1024
[[memory]]
name = "RAM"
kind = "ram"
address = 0x20000000
bytes = 512
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine" / "board.toml"
    path.parent.mkdir()
    path.write_text(text)
    return path


def test_known_boards_load() -> None:
    names = [board.name for board in boards()]
    assert "qemu-mps2-an386" in names and names == sorted(names)
    board = load_board("qemu-mps2-an386")
    assert board.target.name == "cortex-m4"
    assert board.memory("ram").address == 0x20000000
    assert board.emulator is not None and board.emulator.package == "qemu-system-arm"


def test_unknown_board_lists_the_known() -> None:
    with pytest.raises(InputError, match=r"'nonesuch'.*qemu-mps2-an386"):
        load_board("nonesuch")


@pytest.mark.parametrize("as_folder", [False, True])
def test_board_of_ones_own(tmp_path: Path, as_folder: bool) -> None:
    path = write(tmp_path, GOOD)
    board = load_board(path.parent if as_folder else path)
    assert board.name == "mine" and board.emulator is None
    assert board.memory("flash").bytes == 1024 and board.memory("ram").end == 0x20000200


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("clock_hz = 1000", "", "'clock_hz' is missing"),
        ('target = "cortex-m4"', "", "board.toml: 'target' is missing"),
        ("clock_hz = 1000", "clock_hz = 0", "'clock_hz' must be above 0"),
        ("clock_hz = 1000", 'clock_hz = "fast"', "'clock_hz' must be a whole number"),
        ("clock_hz = 1000", "clock_hz = true", "'clock_hz' must be a whole number"),
        ("clock_hz = 1000", "clock_hz = 1000\nclok = 1", "'clok' is not a key"),
        ("cortex-m4", "cortex-m99", "no target 'cortex-m99'"),
        ('"cortex-m4"', '"host"', "is the desktop"),
        ('"cmsdk"', '"../cmsdk2"', "boards/_soc does not have"),
        ("stack_bytes = 64", "stack_bytes = 63", "multiple of 8"),
        ('kind = "ram"', 'kind = "tape"', "must be one of flash, ram"),
        ('kind = "ram"', 'kind = "flash"', "no memory is of kind 'ram'"),
        ('name = "RAM"', 'name = "ROM"', "two memories are called 'ROM'"),
        ('name = "RAM"', 'name = "R AM"', "must be an identifier"),
        ("address = 0x20000000", "address = 512", "'ROM' and 'RAM' overlap"),
        ("address = 0x20000000", "address = 0xfffffffc", "ends above the 32-bit"),
        ("address = 0x20000000", "address = 0x20000001", "word-aligned"),
        ("baud = 9600", "baud = 9600\nparity = 1", "'uart.parity' is not a key"),
        ("[timer]", "[timer", "cannot be read as TOML"),
        ("[uart]", '[emulator]\ncommand = ["x"]\npackage = "y"\n[uart]', "no '{elf}'"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(InputError) as caught:
        load_board(path)
    assert complaint in str(caught.value) and str(caught.value).count(str(path)) == 1
