"""whit run: a model on this desktop or on a board, with data from a file."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import click
import numpy as np

from whit.boards.board import load_board
from whit.boards.device import Device
from whit.cli.devices import board_option, for_board, program_of, start, toolchain_option
from whit.cli.files import (
    OutputPath,
    model_argument,
    no_optimize,
    read_model,
    write_atomically,
)
from whit.cli.inputs import SEED, Feed, normalize_option, random_feeds, read_feeds
from whit.cli.output import (
    as_json,
    note,
    progress,
    shape_text,
    write_facts,
    write_json,
    write_line,
    write_table,
)
from whit.converter.errors import InputError
from whit.converter.ir import Quantization
from whit.runtime.session import Session
from whit.runtime.tape import Port

TOP = 5
"""How many of an output's largest values are printed."""

Outputs = dict[str, np.ndarray]


@click.command(
    "run",
    short_help="Run a model on the desktop or a board.",
    epilog="Example: whit run model.tflite --input samples.npz --output results.npz",
)
@model_argument
@click.option(
    "--input",
    "input_path",
    metavar="X",
    help="Samples to run one after another: a .npz with an array for each input, one array of it "
    "(x.npz:NAME), a .npy or a folder of them; the first axis counts samples. Without it: random "
    "values, the same every time.",
)
@click.option(
    "--real",
    is_flag=True,
    help="The input holds real numbers: convert them by the scales of a quantized model's inputs.",
)
@normalize_option
@click.option(
    "--output",
    "output_path",
    type=OutputPath(),
    metavar="Y",
    help="Write every output of every run to this .npz.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    metavar="N",
    help="Run N times, state carried over: the first N samples of the input, or a single one "
    "again and again.",
)
@board_option
@toolchain_option
@no_optimize
@as_json
def command(
    model: Path,
    input_path: str | None,
    real: bool,
    normalize: tuple[float, float] | None,
    output_path: Path | None,
    steps: int | None,
    board: str | None,
    toolchain: str,
    optimize: bool,
    json_output: bool,
) -> None:
    """Run MODEL and print its outputs, on this desktop or, with --board, on a board.

    Inputs are given as the model stores them: an int8 model takes int8, or with --real the
    numbers they stand for. The state of a streaming model carries over from one run to the next.
    """
    if input_path is None and (real or normalize is not None):
        raise click.UsageError("--real and --normalize say how to read --input, which is missing.")
    source = read_model(model)
    if board is None:
        session = Session(source, optimize=optimize)
        ports, where = session.outputs, "desktop"
        feeds = _feeds(session.inputs, input_path, steps, normalize, real)
        results = _run(session, feeds)
    else:
        machine = load_board(board)
        program = program_of(for_board(source, machine, optimize))
        ports, where = program.outputs, f"board {machine.name}"
        feeds = _feeds(program.inputs, input_path, steps, normalize, real)
        with start(program, machine, toolchain) as device:
            results = _run(device, feeds)
    if output_path is not None:
        write_atomically(output_path, _archive(results))
    if input_path is None:
        note(f"no --input: random values (seed {SEED})")
    if json_output:
        _write_json(model, where, ports, results, input_path)
    else:
        _write_text(where, ports, results)


def _run(machine: Session | Device, feeds: list[Feed]) -> list[Outputs]:
    results = []
    with progress("running", len(feeds)) as advance:
        for feed in feeds:
            results.append(machine.run(feed))
            advance(1)
    return results


def _feeds(
    ports: list[Port],
    path: str | None,
    steps: int | None,
    normalize: tuple[float, float] | None,
    real: bool,
) -> list[Feed]:
    if path is None:
        return random_feeds(ports, steps or 1)
    feeds = read_feeds(path, ports, normalize, real)
    if steps is None:
        return feeds
    if len(feeds) == 1:
        return feeds * steps
    if len(feeds) < steps:
        raise InputError(f"{path}: holds {len(feeds)} samples, --steps asks for {steps}")
    return feeds[:steps]


def _archive(results: list[Outputs]) -> bytes:
    """A .npz: each output as the model gives it, several runs stacked along a new first axis."""
    # np.savez takes names as keyword arguments, where an output called "file" would clash.
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in _stacked(results).items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return file.getvalue()


def _stacked(results: list[Outputs]) -> Outputs:
    if len(results) == 1:
        return results[0]
    return {name: np.stack([result[name] for result in results]) for name in results[0]}


def _write_json(
    model: Path,
    where: str,
    ports: list[Port],
    results: list[Outputs],
    input_path: str | None,
) -> None:
    stacked = _stacked(results)
    write_json(
        "run",
        {
            "model": str(model),
            "ran_on": where,
            "input": input_path,
            "seed": SEED if input_path is None else None,
            "runs": len(results),
            "outputs": [
                {
                    "name": port.name,
                    "shape": port.shape,
                    "dtype": port.dtype.value,
                    **_scale_members(port.quantization),
                    "values": stacked[port.name],
                }
                for port in ports
            ],
        },
    )


def _scale_members(quantization: Quantization | None) -> dict[str, Any]:
    if quantization is None:
        return {"scale": None, "zero_point": None}
    return {"scale": quantization.scale[0], "zero_point": quantization.zero_point[0]}


def _write_text(where: str, ports: list[Port], results: list[Outputs]) -> None:
    write_facts([("ran on", where), ("runs", len(results))])
    for port in ports:
        write_line("")
        write_line(f"output '{port.name}', {port.dtype.value} {shape_text(port.shape)}")
        if len(results) == 1:
            _write_top(port, results[0][port.name])
        else:
            _write_each_top(port, [result[port.name] for result in results])


def _write_top(port: Port, array: np.ndarray) -> None:
    flat = array.reshape(-1)
    quantized = port.quantization is not None
    order = np.argsort(-flat.astype(np.float64), kind="stable")[:TOP]
    columns = [f">{'largest' if flat.size > TOP else 'values'} at", ">stored", ">real"]
    rows: list[tuple[object, ...]] = [
        (_position(port, int(i)), flat[i], f"{_real(port, flat[i]):.6g}") for i in order
    ]
    if not quantized:
        columns, rows = [*columns[:1], ">value"], [(row[0], row[2]) for row in rows]
    write_table(columns, rows)


def _write_each_top(port: Port, arrays: list[np.ndarray]) -> None:
    """One row a run: where the largest value is, and what it is; the middle of many left out."""
    rows: list[tuple[object, ...]] = []
    for run in range(len(arrays)):
        if len(arrays) > 4 * TOP and 2 * TOP <= run < len(arrays) - 2 * TOP:
            if run == 2 * TOP:
                rows.append(("...", "", ""))
            continue
        flat = arrays[run].reshape(-1)
        best = int(np.argmax(flat))
        rows.append((run, _position(port, best), f"{_real(port, flat[best]):.6g}"))
    write_table([">run", ">largest at", ">value"], rows)


def _position(port: Port, index: int) -> str:
    """An element's index; the index along each axis that is longer than 1."""
    indices = np.unravel_index(index, port.shape) if port.shape else ()
    kept = [str(int(i)) for i, size in zip(indices, port.shape, strict=True) if size > 1]
    return ",".join(kept) or "0"


def _real(port: Port, stored: Any) -> float:
    if port.quantization is None:
        return float(stored)
    scale, zero = float(port.quantization.scale[0]), int(port.quantization.zero_point[0])
    return scale * (int(stored) - zero)
