"""Boards as commands use them: options, compiling for one, and reporting an image's sizes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from whit.boards.board import Board, load_board
from whit.boards.build import Firmware, build
from whit.boards.device import Device
from whit.boards.size import Sizes, Usage
from whit.boards.toolchain import TOOLCHAINS
from whit.cli.output import bytes_text, progress, write_table
from whit.converter.errors import InputError
from whit.converter.ir import Graph
from whit.runtime.compile import Compiled, compile_with_details
from whit.runtime.tape import Program

BOARD_HELP = "A board that `whit boards` lists, or the path of a board.toml."
board_option = click.option("--board", metavar="B", help=BOARD_HELP)
toolchain_option = click.option(
    "--toolchain",
    type=click.Choice(TOOLCHAINS),
    default=TOOLCHAINS[0],
    show_default=True,
    help="Cross compiler for firmware.",
)


def for_board(model: Graph | Program, board: Board, optimize: bool) -> Compiled | Program:
    """`model` compiled for a board's core; a program is taken as it is.

    Raises InputError for a program that was compiled for another target than the board's: its
    plan and packing are not the ones the board's kernels want.
    """
    if isinstance(model, Graph):
        return compile_with_details(model, board.target.name, optimize)
    if model.target != board.target.name:
        raise InputError(
            f"the program was compiled for target '{model.target}', board '{board.name}' is "
            f"'{board.target.name}'; compile the model again with --target {board.target.name}"
        )
    return model


def program_of(model: Compiled | Program) -> Program:
    return model.program if isinstance(model, Compiled) else model


def link(program: Program, board: Board, toolchain: str, folder: Path) -> Firmware:
    """Firmware for `board` in `folder`; see `whit.boards.build` for errors."""
    with progress(f"building for {board.name}"):
        return build(program, board, folder / "firmware.elf", toolchain)


def start(program: Program, board: Board, toolchain: str) -> Device:
    """A board that runs `program`, its firmware built now; to be closed after use."""
    with progress(f"building for {board.name}"):
        return Device.of(program, board, toolchain)


def linked_sizes(program: Program, board_name: str, toolchain: str) -> Sizes:
    """Sizes of the image that `program` becomes on a board: it is linked, and thrown away."""
    with tempfile.TemporaryDirectory(prefix="whit-") as folder:
        return link(program, load_board(board_name), toolchain, Path(folder)).sizes


def sizes_members(sizes: Sizes) -> dict[str, Any]:
    """Flash and RAM of an image for JSON, in bytes."""
    return {
        "flash": _usage_members(sizes.flash),
        "ram": _usage_members(sizes.ram),
        "code_bytes": sizes.code,
    }


def _usage_members(usage: Usage) -> Mapping[str, Any]:
    return {
        "memory": usage.memory.name,
        "modules": usage.modules,
        "padding": usage.padding,
        "total": usage.total,
        "free": usage.free,
    }


def write_sizes(sizes: Sizes) -> None:
    """Flash and RAM of an image by module, as a table."""
    rows: list[tuple[object, ...]] = []
    for usage in (sizes.flash, sizes.ram):
        kind = usage.memory.kind
        shown = {name: size for name, size in usage.modules.items() if size}
        rows += [(kind, name, f"{size:,}") for name, size in shown.items()]
        rows += [(kind, "padding", f"{usage.padding:,}")] if usage.padding else []
        rows.append((kind, "total", bytes_text(usage.total)))
        rows.append((kind, "free", bytes_text(usage.free)))
    write_table(["memory", "module", ">bytes"], rows)
