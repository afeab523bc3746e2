"""Files that commands read and write: models of either kind, and outputs that are never partial."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from whit.converter.errors import InputError
from whit.converter.importers import load
from whit.converter.ir import Graph
from whit.runtime.library import Machine
from whit.runtime.session import read_program
from whit.runtime.tape import Program

model_argument = click.argument("model", type=click.Path(path_type=Path), metavar="MODEL")
no_optimize = click.option(
    "--no-optimize",
    "optimize",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Take the graph as imported: no rewrites.",
)


def read_model(path: Path) -> Graph | Program:
    """The graph in a model file, or the program in a .whit file, validated.

    Raises InputError when it cannot be read, ModelError or UnsupportedError for what is in it.
    """
    program = read_program(path)
    if program is None:
        return load(path)
    Machine(program.to_bytes(), str(path))  # firmware built from it will trust it
    return program


def read_graph(path: Path, command: str) -> Graph:
    """The graph in a model file; InputError for a .whit program, which carries none."""
    model = read_model(path)
    if isinstance(model, Program):
        raise InputError(
            f"{path}: a compiled program no longer holds the model's graph; give `whit {command}` "
            "the model it was compiled from"
        )
    return model


class OutputPath(click.ParamType):
    """A file to write. Its folder must exist; found out before any work is done."""

    name = "file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        path = Path(value)
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name a file in it")
        if not path.parent.is_dir():
            raise InputError(f"{path}: there is no folder {path.parent}; create it first")
        return path


def check_distinct(source: Path, output: Path) -> None:
    """Refuse to write a result over the model it is made from."""
    if output.exists() and source.exists() and output.samefile(source):
        raise InputError(f"{output}: is the input as well; give the output another name")


def write_atomically(path: Path, data: bytes) -> None:
    """Write the whole file or nothing: a temporary file beside it, renamed when complete."""
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            target.write_bytes(data)  # a device or a pipe: nothing to replace
            return
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
        raise
