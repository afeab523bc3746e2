"""Firmware images: what is in them, what they take, and what happens when they do not fit."""

from __future__ import annotations

import dataclasses
import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tests.boards.programs import delay_line, scaled
from whit.boards import linker
from whit.boards.board import Board, load_board
from whit.boards.build import Firmware, board_header, build, kernel_sources
from whit.boards.size import image_sizes, symbols
from whit.converter.errors import CapacityError, InputError, ToolError
from whit.runtime import paths
from whit.runtime.emit_c import emit
from whit.runtime.kernel_table import kernels
from whit.runtime.tape import Program

BOARD = load_board("qemu-mps2-an386")
AVAILABLE = {
    "zig": importlib.util.find_spec("ziglang") is not None,
    "gcc": shutil.which("arm-none-eabi-gcc") is not None,
}
FORBIDDEN = {"malloc", "free", "calloc", "realloc", "printf", "puts", "fopen", "sbrk", "_sbrk",
             "exit", "abort", "expf", "exp", "__aeabi_dadd", "whit_load"}  # fmt: skip


@pytest.fixture(scope="module", params=["zig", "gcc"])
def firmware(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    if not AVAILABLE[request.param]:
        pytest.skip(f"toolchain {request.param} is not installed")
    folder = tmp_path_factory.mktemp("firmware")
    return build(delay_line(), BOARD, folder / "firmware.elf", request.param)


def test_only_what_the_model_uses_is_linked(firmware: Firmware) -> None:
    names = symbols(firmware.elf)
    kernels = {n for n in names if n.startswith("whit_") and n.endswith("_generic")}
    assert kernels == {"whit_lookup_x8_generic", "whit_copy_any_generic"}
    assert not names & FORBIDDEN
    assert not {n for n in names if n.endswith(("_validate", "_lag", "_scratch"))}


def test_sizes_are_the_images(firmware: Firmware) -> None:
    """The sum over modules is what a loader writes and what RAM the image addresses."""
    with firmware.elf.open("rb") as file:
        segments = [s for s in ELFFile(file).iter_segments() if s["p_type"] == "PT_LOAD"]
        loaded = [s for s in segments if s["p_filesz"]]
        flash_end = max(s["p_paddr"] + s["p_filesz"] for s in loaded)
        ram_end = max(s["p_vaddr"] + s["p_memsz"] for s in segments if s["p_vaddr"] >= 0x20000000)
    sizes = firmware.sizes
    assert sizes.flash.total == flash_end
    assert sizes.ram.total == ram_end - 0x20000000
    assert 0 <= sizes.flash.padding < 64 and 0 <= sizes.ram.padding < 64
    assert sizes.ram.modules["arena"] == firmware.program.arena_bytes
    assert sizes.ram.modules["state"] == firmware.program.state_bytes
    assert sizes.ram.modules["stack"] == BOARD.stack_bytes
    model = sizes.flash.modules["model"]
    data = len(firmware.program.constants) + len(firmware.program.record_bytes())
    assert data < model < data + 300
    assert 0 < sizes.code < 4000


def test_initialized_variables_count_in_both_memories(tmp_path: Path) -> None:
    """No C of ours has any; an image with some is the oracle for how they are counted."""
    gcc = shutil.which("arm-none-eabi-gcc")
    if gcc is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    script = tmp_path / "link.ld"
    script.write_text(linker.linker_script(BOARD))
    source = tmp_path / "whit-runtime-x.c"
    source.write_text("int table[5] = {1}; void Reset_Handler(void) { table[0]++; }")
    elf = tmp_path / "x.elf"
    obj = tmp_path / "whit-runtime-x.o"
    flags = ["-mcpu=cortex-m4", "-mthumb", "-Os", "-ffunction-sections"]
    subprocess.run([gcc, *flags, "-c", str(source), "-o", str(obj)], check=True)
    link = [gcc, *flags, "-nostdlib", "-T", str(script), str(obj), "-o", str(elf)]
    subprocess.run(link, check=True, capture_output=True)
    sizes = image_sizes(elf, BOARD)
    assert sizes.flash.modules["data"] == sizes.ram.modules["data"] == 20
    with elf.open("rb") as file:
        segments = [s for s in ELFFile(file).iter_segments() if s["p_filesz"]]
        assert sizes.flash.total == max(s["p_paddr"] + s["p_filesz"] for s in segments)


def test_image_is_reproducible(tmp_path: Path) -> None:
    """Same code and data whatever the folder."""
    if not AVAILABLE["zig"]:
        pytest.skip("ziglang is not installed")

    def loaded(path: Path) -> list[bytes]:
        path.parent.mkdir()
        build(scaled(), BOARD, path)
        with path.open("rb") as file:
            return [s.data() for s in ELFFile(file).iter_segments() if s["p_filesz"]]

    assert loaded(tmp_path / "a" / "x.elf") == loaded(tmp_path / "b" / "y.elf")


@pytest.mark.parametrize("toolchain", ["zig", "gcc"])
def test_too_large_names_memory_and_excess(toolchain: str, tmp_path: Path) -> None:
    if not AVAILABLE[toolchain]:
        pytest.skip(f"toolchain {toolchain} is not installed")
    small = tuple(
        dataclasses.replace(m, bytes=4096 + 1024 + 16) if m.kind == "ram" else m
        for m in BOARD.memories
    )
    board: Board = dataclasses.replace(BOARD, memories=small)
    with pytest.raises(CapacityError, match=r"'qemu-mps2-an386': it exceeds RAM by [\d,]+ bytes"):
        build(delay_line(), board, tmp_path / "x.elf", toolchain)
    assert not (tmp_path / "x.elf").exists()


def test_missing_tools_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ToolError, match=r"arm-none-eabi-gcc is missing.*apt install"):
        build(scaled(), BOARD, tmp_path / "x.elf", "gcc")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match="pip install ziglang"):
        build(scaled(), BOARD, tmp_path / "x.elf", "zig")
    with pytest.raises(InputError, match="'icc'; choose one of zig, gcc"):
        build(scaled(), BOARD, tmp_path / "x.elf", "icc")


def test_unwritable_output(tmp_path: Path) -> None:
    if not AVAILABLE["zig"]:
        pytest.skip("ziglang is not installed")
    with pytest.raises(InputError, match="cannot be written"):
        build(scaled(), BOARD, tmp_path / "nowhere" / "x.elf")


def test_sizes_of_something_else(tmp_path: Path) -> None:
    other = tmp_path / "x.elf"
    other.write_text("no image")
    with pytest.raises(InputError, match="cannot be read as an ELF"):
        image_sizes(other, BOARD)


@pytest.mark.parametrize("program", [delay_line(), scaled()], ids=lambda p: p.name)
def test_c_of_boards_has_no_warnings(program: Program, tmp_path: Path) -> None:
    gcc = shutil.which("arm-none-eabi-gcc")
    if gcc is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    folder = Path(linker.__file__).parent
    for name, text in emit(program).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "board.h").write_text(board_header(BOARD))
    include = [tmp_path, paths.include_directory(), folder / "_soc"]
    flags = [*BOARD.target.gcc_flags, "-std=c11", "-ffreestanding", "-O2", "-Wall", "-Wextra",
             "-Wconversion", "-Werror", f"-isystem{folder / '_soc' / 'freestanding'}",
             *(f"-I{path}" for path in include)]  # fmt: skip
    for source in [*folder.glob("firmware/*.c"), *folder.glob("_soc/*/*.c"), tmp_path / "model.c"]:
        done = subprocess.run(
            [gcc, *flags, "-c", str(source), "-o", str(tmp_path / "x.o")],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr


def test_sources_chosen_for_a_kernel_define_it(tmp_path: Path) -> None:
    """For every kernel alone; what a file defines is the compiler's word."""
    gcc, nm = shutil.which("gcc"), shutil.which("nm")
    if gcc is None or nm is None:
        pytest.skip("gcc or nm is not installed")
    folder = paths.kernel_set_directory("generic")
    include = [f"-I{paths.include_directory()}", f"-I{folder.parent}"]
    defined: dict[str, Path] = {}
    for source in folder.glob("*.c"):
        out = tmp_path / "x.o"
        subprocess.run([gcc, "-std=c11", *include, "-c", str(source), "-o", str(out)], check=True)
        listing = subprocess.run([nm, "-g", str(out)], capture_output=True, text=True).stdout
        defined |= {line.split()[2]: source for line in listing.splitlines() if " T " in line}
    chosen = {name: kernel_sources("generic", {name}) for name in kernels()}
    wrong = [n for n, files in chosen.items() if defined[f"whit_{n}_generic"] not in files]
    assert not wrong
    assert max(map(len, chosen.values())) < len(list(folder.glob("*.c"))) / 2
