"""What the commands print: tables for people, JSON for programs, progress on a terminal.

Results go to stdout; everything else (progress, notes, errors) to stderr, so that stdout can
always be piped.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click
import numpy as np
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

SCHEMA = 1
"""Version of the JSON: raised when a member changes its meaning or goes away."""

_UNLIMITED = 10_000
_NAME_LENGTH = 43
_SHORTEST_NAME = 19
_GAP = 3
"""Blanks between the columns of a table."""

as_json = click.option("--json", "json_output", is_flag=True, help="Print JSON, alone on stdout.")


def printable(text: str) -> str:
    """`text` with its control characters escaped: names in a model are not to be trusted."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def report_error(message: str) -> None:
    click.echo(f"whit: error: {printable(message)}", err=True)


def note(message: str) -> None:
    """A remark that is not part of the result."""
    click.echo(f"whit: {printable(message)}", err=True)


def write_json(command: str, members: Mapping[str, Any]) -> None:
    """One JSON object on stdout; numpy values become numbers and lists, NaN and infinities null."""
    document = {"schema": SCHEMA, "command": command, **members}
    click.echo(json.dumps(_plain(document), indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def write_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """A table on stdout; columns whose name starts with ">" are right-aligned.

    A pipe gets whole rows however wide. On a narrow terminal the first column's names are
    shortened and the last column wraps; words are never broken, and what is wider still is the
    terminal's to wrap.
    """
    cells = [["" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNLIMITED
    excess = _least_width(columns, cells) - width
    if excess > 0 and cells:
        kept = max(max(cell_len(row[0]) for row in cells) - excess, _SHORTEST_NAME)
        cells = [[_shorten(row[0], kept), *row[1:]] for row in cells]
    console = _stdout(max(width, _least_width(columns, cells)))
    table = _table(columns, cells)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def _least_width(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    """Characters that a table needs when only its last column wraps, between words."""
    rows = [[column.lstrip(">") for column in columns], *cells]
    whole = sum(max(map(cell_len, column)) for column in list(zip(*rows, strict=True))[:-1])
    words = [word for row in rows for word in row[-1].split()]
    return whole + max(map(cell_len, words), default=0) + _GAP * (len(columns) - 1)


def _table(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(
            column.lstrip(">"),
            justify="right" if column.startswith(">") else "left",
            no_wrap=index < len(columns) - 1,
        )
    for row in cells:
        table.add_row(*row)
    return table


def write_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Name and value, one pair a line, values aligned."""
    pairs = [(name, printable(str(value))) for name, value in facts if value is not None]
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        click.echo(f"{name:<{width}}  {value}")


def write_line(text: str) -> None:
    click.echo(printable(text))


def _stdout(width: int) -> Console:
    # Without a height, rich takes a dumb terminal to be 80 characters wide whatever the width.
    return Console(
        file=sys.stdout, markup=False, emoji=False, highlight=False, width=width, height=25
    )


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr while the block runs, if that is a terminal.

    Gives a function to call with the number of steps just done.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(label, total=total)
        yield lambda steps: bar.advance(task, steps)


def short_name(name: str) -> str:
    """A layer's name for a table. Converters join the names of fused layers by ";", and some
    names are paths: the first name stays, its middle is left out where it is long."""
    first = name.split(";")[0] or name
    return _shorten(first, _NAME_LENGTH)


def _shorten(text: str, length: int) -> str:
    """`text` without its middle where it is longer than `length`."""
    if len(text) <= length:
        return text
    half = (length - 3) // 2
    return f"{text[:half]}...{text[-half:]}"


def shape_text(shape: Sequence[int]) -> str:
    return "x".join(str(size) for size in shape) if shape else "scalar"


def count_text(value: int | None) -> str | None:
    """A count with thousands separated; None stays None."""
    return None if value is None else f"{value:,}"


def bytes_text(size: int | None) -> str | None:
    """Bytes exactly, and in KiB or MiB where that is easier to read."""
    if size is None:
        return None
    if size < 1024:
        return f"{size:,} B"
    unit, divisor = ("KiB", 1 << 10) if size < 1 << 20 else ("MiB", 1 << 20)
    return f"{size:,} B ({size / divisor:.1f} {unit})"
