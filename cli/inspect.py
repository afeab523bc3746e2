"""whit inspect: what a model consists of and what it will cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from whit.boards.board import load_board
from whit.boards.size import Sizes
from whit.cli.devices import (
    board_option,
    for_board,
    linked_sizes,
    program_of,
    sizes_members,
    toolchain_option,
    write_sizes,
)
from whit.cli.files import model_argument, no_optimize, read_model
from whit.cli.output import (
    as_json,
    bytes_text,
    count_text,
    shape_text,
    short_name,
    write_facts,
    write_json,
    write_line,
    write_table,
)
from whit.converter.errors import InputError
from whit.converter.ir import Graph
from whit.runtime.compile import Compiled, compile_with_details
from whit.runtime.report import LayerReport, Report, TensorReport, report
from whit.runtime.tape import Program

HOST = "host"


@click.command(
    "inspect",
    short_help="Show operators, work, memory and flash.",
    epilog="Example: whit inspect model.tflite --board qemu-mps2-an386",
)
@model_argument
@board_option
@click.option(
    "--target",
    metavar="T",
    help="Plan for this core, one that `whit targets` lists (default: the board's, else host).",
)
@toolchain_option
@no_optimize
@as_json
def command(
    model: Path,
    board: str | None,
    target: str | None,
    toolchain: str,
    optimize: bool,
    json_output: bool,
) -> None:
    """Show the operators of MODEL: shapes, multiply-accumulates, parameters, RAM in use, kernels.

    The totals hold for the target named. Flash is an estimate, unless --board is given: then the
    firmware is linked and its sizes are exact. A .whit program no longer holds its graph; what
    remains of it is shown.
    """
    compiled = _compile(read_model(model), board, target, optimize)
    summary = report(compiled)
    sizes = None if board is None else linked_sizes(program_of(compiled), board, toolchain)
    if json_output:
        write_json("inspect", {"model": str(model), **_members(summary, board, sizes)})
    else:
        _write_text(summary, sizes)


def _compile(
    source: Graph | Program, board: str | None, target: str | None, optimize: bool
) -> Compiled | Program:
    if board is not None:
        machine = load_board(board)
        if target not in (None, machine.target.name):
            raise InputError(
                f"board '{machine.name}' has target '{machine.target.name}', not '{target}'; "
                "leave one of --board and --target out"
            )
        return for_board(source, machine, optimize)
    if isinstance(source, Graph):
        return compile_with_details(source, target or HOST, optimize)
    if target not in (None, source.target):
        raise InputError(
            f"the program was compiled for target '{source.target}', not '{target}'; compile the "
            "model it came from again"
        )
    return source


def _members(summary: Report, board: str | None, sizes: Sizes | None) -> dict[str, Any]:
    return {
        "name": summary.name,
        "target": summary.target,
        "board": board,
        "inputs": [_tensor_members(t) for t in summary.inputs],
        "outputs": [_tensor_members(t) for t in summary.outputs],
        "layers": [
            {
                "name": layer.name,
                "operator": layer.op,
                "outputs": [_tensor_members(t) for t in layer.outputs],
                "macs": layer.macs,
                "parameters": layer.parameters,
                "parameter_bytes": layer.parameter_bytes,
                "ram_bytes": layer.ram,
                "scratch_bytes": layer.scratch,
                "kernels": layer.kernels,
            }
            for layer in summary.layers
        ],
        "totals": {
            "macs": summary.macs,
            "parameters": summary.parameters,
            "parameter_bytes": summary.parameter_bytes,
            "arena_bytes": summary.arena,
            "state_bytes": summary.state,
            "constant_bytes": summary.constants,
        },
        "flash_estimate": {
            "data_bytes": summary.flash.data,
            "code_bytes": summary.flash.code,
            "total_bytes": summary.flash.total,
        },
        "image": None if sizes is None else sizes_members(sizes),
    }


def _tensor_members(tensor: TensorReport) -> dict[str, Any]:
    quantization = tensor.quantization
    return {
        "name": tensor.name,
        "shape": tensor.shape,
        "dtype": tensor.dtype,
        "scale": None if quantization is None else quantization.scale,
        "zero_point": None if quantization is None else quantization.zero_point,
    }


def _write_text(summary: Report, sizes: Sizes | None) -> None:
    has_graph = summary.macs is not None
    write_table(*(_graph_table if has_graph else _program_table)(summary.layers))
    write_line("")
    write_facts(
        [
            *(("input", _tensor_text(t)) for t in summary.inputs),
            *(("output", _tensor_text(t)) for t in summary.outputs),
            ("target", summary.target),
            ("operators", len(summary.layers)),
            ("MACs", count_text(summary.macs)),
            ("parameters", _parameters(summary)),
            ("arena", f"{bytes_text(summary.arena)}, with input, output and scratch"),
            ("state", bytes_text(summary.state) if summary.state else None),
            ("flash", None if sizes else _estimate(summary)),
        ]
    )
    if not has_graph:
        write_line("\nA .whit program holds no graph: inspect the model it came from for the rest.")
    if sizes is not None:
        write_line("\nlinked image, exact:")
        write_sizes(sizes)


def _parameters(summary: Report) -> str | None:
    if summary.parameters is None:
        return None
    return f"{summary.parameters:,}, {bytes_text(summary.parameter_bytes)}"


def _estimate(summary: Report) -> str:
    flash = summary.flash
    return (
        f"about {bytes_text(flash.total)}, an estimate: {flash.data:,} B of program and some "
        f"{flash.code:,} B of code; --board links it and tells exactly"
    )


Table = tuple[list[str], list[tuple[object, ...]]]


def _graph_table(layers: Sequence[LayerReport]) -> Table:
    columns = ["name", "operator", "output", "type", ">MACs", ">parameters", ">RAM", "kernel"]
    rows: list[tuple[object, ...]] = [
        (
            short_name(layer.name),
            layer.op,
            ", ".join(shape_text(t.shape) for t in layer.outputs),
            ", ".join(dict.fromkeys(t.dtype for t in layer.outputs)),
            count_text(layer.macs or None),
            count_text(layer.parameters or None),
            count_text(layer.ram),
            _kernels(layer),
        )
        for layer in layers
    ]
    return columns, rows


def _kernels(layer: LayerReport) -> str:
    return ", ".join(layer.kernels) or "(view)"


def _program_table(layers: Sequence[LayerReport]) -> Table:
    return ["layer", ">scratch", "kernel"], [
        (short_name(layer.name), count_text(layer.scratch or None), _kernels(layer))
        for layer in layers
    ]


def _tensor_text(tensor: TensorReport) -> str:
    text = f"{tensor.name}: {tensor.dtype} {shape_text(tensor.shape)}"
    quantization = tensor.quantization
    if quantization is None:
        return text
    return f"{text}, scale {quantization.scale[0]:.9g}, zero point {quantization.zero_point[0]}"
