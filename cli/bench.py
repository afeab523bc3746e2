"""whit bench: how fast a model runs, beside other people's runtimes or on a board."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from whit.boards.board import load_board
from whit.cli.devices import board_option, for_board, program_of, start, toolchain_option
from whit.cli.files import model_argument, no_optimize, read_model
from whit.cli.inputs import Feed, random_feeds
from whit.cli.output import (
    as_json,
    count_text,
    progress,
    short_name,
    write_facts,
    write_json,
    write_line,
    write_table,
)
from whit.cli.rivals import RIVALS, Runner, Subject, UnavailableError
from whit.cli.rivals.timing import Times, least_times, take_turns
from whit.converter.errors import InputError
from whit.converter.ir import Graph
from whit.runtime.report import LayerTime, layer_times
from whit.runtime.session import Session
from whit.runtime.tape import Program

C_CALL = "whit"
SESSION = "whit Session"
DESKTOP_RUNS = 50


@dataclass(frozen=True)
class _Contestant:
    name: str
    description: str
    invoke: Callable[[], object]
    agreement: str | None


@click.command(
    "bench",
    short_help="Measure speed, beside other runtimes or on a board.",
    epilog="Example: whit bench model.tflite --against litert,tflm",
)
@model_argument
@board_option
@click.option(
    "--against",
    default="",
    metavar="LIST",
    help=f"Other runtimes to measure as well, separated by commas: {', '.join(RIVALS)}.",
)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Measurements of each (default: 50, one of which repeats a fast model for 2 ms; on a "
    "board, where counting is exact, 1), on a board each with another input.",
)
@click.option(
    "--layers", is_flag=True, help="Measure each layer as well: its least time of all runs."
)
@toolchain_option
@no_optimize
@as_json
def command(
    model: Path,
    board: str | None,
    against: str,
    runs: int | None,
    layers: bool,
    toolchain: str,
    optimize: bool,
    json_output: bool,
) -> None:
    """Measure how fast MODEL runs.

    On the desktop everyone runs on one thread, on the same random input, in turns. whit is
    measured as the C call that a program would make and as Session.run() with its checks and
    copies; the others as their bare invocation. A ratio of 2.00 took twice as long as the C call;
    on a busy machine believe the minimum. On a board the unit is instructions per inference.
    """
    rivals = _chosen(against)
    source = read_model(model)
    if board is not None:
        if rivals:
            raise InputError("--against compares on the desktop; leave it or --board out")
        _on_board(model, source, board, toolchain, optimize, runs or 1, layers, json_output)
        return
    runs = runs or DESKTOP_RUNS
    session = Session(source, optimize=optimize)
    feed = random_feeds(session.inputs, 1)[0]
    contestants, skipped = _line_up(model, source, session, feed, rivals)
    with progress("measuring", runs) as advance:
        times = take_turns([c.invoke for c in contestants], runs, advance)
    steps = None
    if layers:
        steps = layer_times(session.program, least_times(lambda: _steps(session, feed), runs))
    if json_output:
        _write_json(model, session.program, contestants, times, skipped, runs, steps)
    else:
        _write_text(contestants, times, skipped)
        _write_layers(steps, ">µs", 1e6)


def _chosen(against: str) -> list[str]:
    names = [name.strip() for name in against.split(",") if name.strip()]
    for name in names:
        if name not in RIVALS:
            raise InputError(
                f"--against knows no runtime '{name}'; choose from {', '.join(RIVALS)}"
            )
    return list(dict.fromkeys(names))


def _line_up(
    path: Path, source: Graph | Program, session: Session, feed: Feed, rivals: Sequence[str]
) -> tuple[list[_Contestant], dict[str, str]]:
    """Everyone who can run the model, warmed up, and why the others cannot."""
    session.reset()
    ours = list(session.run(feed).values())
    contestants = [
        _Contestant(C_CALL, "C call, input copied in", _c_call(session, feed), None),
        _Contestant(SESSION, "Session.run()", lambda: session.run(feed), None),
    ]
    subject = Subject(path, source if isinstance(source, Graph) else None)
    skipped = {}
    for name in rivals:
        try:
            runner = RIVALS[name].open(subject)
            runner.feed([feed[port.name] for port in session.inputs])
            runner.invoke()
            contestants.append(
                _Contestant(name, runner.description, runner.invoke, _agreement(ours, runner))
            )
        except UnavailableError as error:
            skipped[name] = str(error)
    return contestants, skipped


def _copy_in(session: Session, feed: Feed) -> Callable[[], None]:
    """Copies the input in, as every run needs: the plan may use its place for later results."""
    machine = session.machine
    copies = [
        (machine.view(port.reference, port.bytes), feed[port.name].reshape(-1).view(np.uint8))
        for port in session.inputs
    ]

    def call() -> None:
        for memory, data in copies:
            memory[:] = data

    return call


def _c_call(session: Session, feed: Feed) -> Callable[[], None]:
    """What a C program does for one inference."""
    copy_in, run = _copy_in(session, feed), session.machine.run

    def call() -> None:
        copy_in()
        run()

    return call


def _steps(session: Session, feed: Feed) -> Iterator[int]:
    """One inference, record by record; copying the input in counts as part of the first."""
    _copy_in(session, feed)()
    yield from session.machine.steps()


def _agreement(ours: Sequence[np.ndarray], runner: Runner) -> str:
    """How a rival's outputs compare with ours, so that speeds of different results stand out."""
    theirs = runner.outputs()
    if [a.size for a in ours] != [b.size for b in theirs]:
        return "other shapes"
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        x, y = a.astype(np.float64).reshape(-1), b.astype(np.float64).reshape(-1)
        if np.array_equal(x, y):
            continue
        if a.dtype.kind == "f":
            worst = max(worst, float(np.max(np.abs(x - y)) / (np.ptp(y) or 1.0)))
        else:
            return f"up to {int(np.max(np.abs(x - y)))} apart"
    return "same" if worst == 0 else f"within {worst:.1e} of range"


def _write_json(
    path: Path,
    program: Program,
    contestants: Sequence[_Contestant],
    times: Sequence[Times],
    skipped: dict[str, str],
    runs: int,
    layers: list[LayerTime] | None,
) -> None:
    rows: list[dict[str, Any]] = [
        {
            "name": c.name,
            "description": c.description,
            "min_seconds": t.minimum,
            "median_seconds": t.median,
            "min_ratio": t.minimum / times[0].minimum,
            "median_ratio": t.median / times[0].median,
            "runs_per_measurement": t.batch,
            "outputs": c.agreement,
        }
        for c, t in zip(contestants, times, strict=True)
    ]
    write_json(
        "bench",
        {
            "model": str(path),
            "target": program.target,
            "measurements": runs,
            "contestants": rows,
            "skipped": [{"name": name, "reason": reason} for name, reason in skipped.items()],
            "layers": _layer_members(layers, "seconds"),
        },
    )


def _layer_members(layers: list[LayerTime] | None, unit: str) -> list[dict[str, Any]] | None:
    if layers is None:
        return None
    return [
        {"name": layer.name, "kernels": layer.kernels, unit: layer.time, "share": layer.share}
        for layer in layers
    ]


def _write_layers(layers: list[LayerTime] | None, unit: str, scale: float) -> None:
    if layers is None:
        return
    write_line("")
    write_table(
        ["layer", unit, ">share", "kernel"],
        [
            (
                short_name(layer.name),
                f"{layer.time * scale:,.{0 if scale == 1 else 1}f}",
                f"{layer.share:.1%}",
                ", ".join(layer.kernels),
            )
            for layer in layers
        ],
    )


def _write_text(
    contestants: Sequence[_Contestant],
    times: Sequence[Times],
    skipped: dict[str, str],
) -> None:
    rows: list[tuple[object, ...]] = [
        (
            c.name,
            f"{t.minimum * 1e6:,.1f}",
            f"{t.minimum / times[0].minimum:.2f}",
            f"{t.median * 1e6:,.1f}",
            f"{t.median / times[0].median:.2f}",
            c.agreement,
            c.description,
        )
        for c, t in zip(contestants, times, strict=True)
    ]
    rows += [(name, "-", "-", "-", "-", None, reason) for name, reason in skipped.items()]
    write_table(
        ["runtime", ">min µs", ">ratio", ">median µs", ">ratio", "outputs", "what"], rows
    )


def _on_board(
    path: Path,
    source: Graph | Program,
    board: str,
    toolchain: str,
    optimize: bool,
    runs: int,
    layers: bool,
    json_output: bool,
) -> None:
    machine = load_board(board)
    program = program_of(for_board(source, machine, optimize))
    counts = []
    with start(program, machine, toolchain) as device, progress("measuring", runs) as advance:
        for feed in random_feeds(program.inputs, runs):
            counts.append(device.instructions(feed))
            advance(1)
        steps = None
        if layers:
            feed = random_feeds(program.inputs, 1)[0]
            steps = layer_times(program, [time for _, time in device.steps(feed)])
    members: dict[str, int] = {
        "instructions_min": min(counts),
        "instructions_median": int(np.median(counts)),
        "instructions_max": max(counts),
    }
    if json_output:
        write_json(
            "bench", {"model": str(path), "board": machine.name, "measurements": runs, **members,
             "layers": _layer_members(steps, "instructions")},
        )
        return
    write_facts(
        [
            ("board", machine.name),
            ("inferences", runs),
            ("instructions each", count_text(members["instructions_median"])),
            *(
                (name, count_text(members[f"instructions_{name}"]) if runs > 1 else None)
                for name in ("min", "max")
            ),
        ]
    )
    _write_layers(steps, ">instructions", 1)
