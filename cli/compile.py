"""whit compile: a model becomes a program that needs no further preparation to run."""

from __future__ import annotations

from pathlib import Path

import click

from whit.cli.files import OutputPath, check_distinct, no_optimize, read_graph, write_atomically
from whit.cli.output import as_json, bytes_text, write_facts, write_json
from whit.runtime.compile import compile_graph


@click.command(
    "compile",
    short_help="Compile a model into a .whit program.",
    epilog="Example: whit compile model.tflite model.whit --target cortex-m4",
)
@click.argument("model", type=click.Path(path_type=Path), metavar="IN")
@click.argument("output", type=OutputPath(), metavar="OUT")
@click.option(
    "--target",
    default="host",
    show_default=True,
    metavar="T",
    help="Core to compile for: one that `whit targets` lists.",
)
@no_optimize
@as_json
def command(model: Path, output: Path, target: str, optimize: bool, json_output: bool) -> None:
    """Compile the model IN into the program OUT (.whit) for a target.

    Memory is planned, kernels are chosen and weights packed now; the program is loaded by a
    device from flash without any of that, and runs on this desktop with the same bits.
    """
    check_distinct(model, output)
    program = compile_graph(read_graph(model, "compile"), target=target, optimize=optimize)
    data = program.to_bytes()
    write_atomically(output, data)
    kernels = [name if layout == 0 else f"{name}/{layout}" for name, layout in program.kernels]
    if json_output:
        write_json(
            "compile",
            {
                "input": str(model),
                "output": str(output),
                "target": program.target,
                "bytes": len(data),
                "constant_bytes": len(program.constants),
                "arena_bytes": program.arena_bytes,
                "state_bytes": program.state_bytes,
                "records": len(program.records),
                "kernels": kernels,
            },
        )
        return
    write_facts(
        [
            ("written", f"{output}, {bytes_text(len(data))}"),
            ("target", program.target),
            ("arena", bytes_text(program.arena_bytes)),
            ("state", bytes_text(program.state_bytes) if program.state_bytes else None),
            ("records", len(program.records)),
            ("kernels", ", ".join(kernels)),
        ]
    )
