"""whit boards: the boards whit knows, and what each has."""

from __future__ import annotations

import shutil

import click

from whit.boards.board import Board, boards
from whit.cli.output import as_json, bytes_text, write_json, write_table


@click.command(
    "boards",
    short_help="List the boards to build firmware for.",
    epilog="Example: whit boards",
)
@as_json
def command(json_output: bool) -> None:
    """List the boards to build firmware for: core, memory and emulator.

    A board is a folder with a board.toml; --board also takes the path of one of your own.
    """
    known = boards()
    if json_output:
        write_json("boards", {"boards": [_members(board) for board in known]})
        return
    write_table(
        ["board", "target", ">clock", ">flash", ">RAM", "emulator", "description"],
        [
            (
                board.name,
                board.target.name,
                f"{board.clock_hz / 1e6:g} MHz",
                bytes_text(_total(board, "flash")),
                bytes_text(_total(board, "ram")),
                _emulator(board),
                board.description,
            )
            for board in known
        ],
    )


def _total(board: Board, kind: str) -> int:
    return sum(memory.bytes for memory in board.memories if memory.kind == kind)


def _emulator(board: Board) -> str:
    if board.emulator is None:
        return "none"
    program = board.emulator.command[0]
    if shutil.which(program):
        return program
    return f"{program} (not installed: package {board.emulator.package})"


def _members(board: Board) -> dict[str, object]:
    emulator = board.emulator
    return {
        "name": board.name,
        "description": board.description,
        "target": board.target.name,
        "clock_hz": board.clock_hz,
        "stack_bytes": board.stack_bytes,
        "memories": [
            {"name": m.name, "kind": m.kind, "address": m.address, "bytes": m.bytes}
            for m in board.memories
        ],
        "emulator": emulator
        and {
            "program": emulator.command[0],
            "package": emulator.package,
            "installed": shutil.which(emulator.command[0]) is not None,
        },
    }
