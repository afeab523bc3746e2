"""What the commands print: tables for people, JSON for programs, progress on a terminal.

Results go to stdout; everything else (progress, notes, errors) to stderr, so that stdout can
always be piped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

SCHEMA = 1
"""Version of the JSON: raised when a member changes its meaning or goes away."""

_UNLIMITED = 10_000
_NAME_LENGTH = 43

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

    A pipe gets whole rows however wide; on a terminal the first and last columns fold.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(
            column.lstrip(">"),
            justify="right" if column.startswith(">") else "left",
            overflow="fold",
            no_wrap=0 < index < len(columns) - 1,
        )
    for row in rows:
        table.add_row(*("" if cell is None else printable(str(cell)) for cell in row))
    console = _stdout()
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def write_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Name and value, one pair a line, values aligned."""
    pairs = [(name, printable(str(value))) for name, value in facts if value is not None]
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        click.echo(f"{name:<{width}}  {value}")


def write_line(text: str) -> None:
    click.echo(printable(text))


def _stdout() -> Console:
    return Console(
        file=sys.stdout,
        markup=False,
        emoji=False,
        highlight=False,
        width=None if sys.stdout.isatty() else _UNLIMITED,
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
    if len(first) <= _NAME_LENGTH:
        return first
    half = (_NAME_LENGTH - 3) // 2
    return f"{first[:half]}...{first[-half:]}"


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
