"""whit build: firmware for a board."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from whit.boards.board import load_board
from whit.cli.devices import (
    BOARD_HELP,
    for_board,
    link,
    program_of,
    sizes_members,
    toolchain_option,
    write_sizes,
)
from whit.cli.files import (
    OutputPath,
    check_distinct,
    model_argument,
    no_optimize,
    read_model,
    write_atomically,
)
from whit.cli.output import as_json, bytes_text, write_facts, write_json
from whit.converter.errors import InputError
from whit.runtime.emit_c import emit


@click.command(
    "build",
    short_help="Build firmware for a board.",
    epilog="Example: whit build model.tflite --board qemu-mps2-an386 -o firmware.elf",
)
@model_argument
@click.option("--board", required=True, metavar="B", help=BOARD_HELP)
@click.option(
    "-o", "--output", type=OutputPath(), metavar="ELF", help="The firmware image to write."
)
@click.option(
    "--emit-c",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the model as C into this folder (made if need be), for a build of your own.",
)
@toolchain_option
@no_optimize
@as_json
def command(
    model: Path,
    board: str,
    output: Path | None,
    emit_c: Path | None,
    toolchain: str,
    optimize: bool,
    json_output: bool,
) -> None:
    """Compile MODEL for a board and link it with the runtime and the kernels it uses.

    The image runs on the board by itself and talks through its serial port; `whit run --board`
    does both steps at once. With --emit-c the model's C source is written as well, or alone when
    no -o is given.
    """
    if output is None and emit_c is None:
        raise click.UsageError("Missing option '-o' / '--output', or '--emit-c'.")
    if output is not None:
        check_distinct(model, output)
    machine = load_board(board)
    program = program_of(for_board(read_model(model), machine, optimize))
    sizes = None
    if output is not None:
        with tempfile.TemporaryDirectory(prefix="whit-") as folder:
            firmware = link(program, machine, toolchain, Path(folder))
            sizes = firmware.sizes
            write_atomically(output, firmware.elf.read_bytes())
    sources = [] if emit_c is None else _emit(emit(program), emit_c)
    if json_output:
        write_json(
            "build",
            {
                "model": str(model),
                "board": machine.name,
                "target": program.target,
                "output": None if output is None else str(output),
                "sources": [str(path) for path in sources],
                "arena_bytes": program.arena_bytes,
                "state_bytes": program.state_bytes,
                "image": None if sizes is None else sizes_members(sizes),
            },
        )
        return
    write_facts(
        [
            *(("written", path) for path in [*([output] if output else []), *sources]),
            ("board", f"{machine.name}, target {program.target}"),
            ("arena", bytes_text(program.arena_bytes)),
            ("state", bytes_text(program.state_bytes) if program.state_bytes else None),
        ]
    )
    if sizes is not None:
        write_sizes(sizes)


def _emit(files: dict[str, str], folder: Path) -> list[Path]:
    if not folder.is_dir():
        try:
            folder.mkdir()
        except OSError as error:
            raise InputError(f"{folder}: cannot be made: {error.strerror}") from error
    paths = [folder / name for name in files]
    for path, text in zip(paths, files.values(), strict=True):
        write_atomically(path, text.encode())
    return paths
