"""whit convert: any model whit reads, written as a .tflite file."""

from __future__ import annotations

from pathlib import Path

import click

from whit.cli.files import OutputPath, check_distinct, no_optimize, read_graph, write_atomically
from whit.cli.output import as_json, bytes_text, write_facts, write_json
from whit.converter.exporters import tflite
from whit.converter.rewrites import optimize as run_rewrites


@click.command(
    "convert",
    short_help="Write any readable model as a .tflite file.",
    epilog="Example: whit convert model.onnx model.tflite",
)
@click.argument("model", type=click.Path(path_type=Path), metavar="IN")
@click.argument("output", type=OutputPath(), metavar="OUT")
@no_optimize
@as_json
def command(model: Path, output: Path, optimize: bool, json_output: bool) -> None:
    """Write the model IN, in any format that `whit formats` lists, as the .tflite file OUT.

    A float model stays float and an int8 model stays int8, with the same integers. Constants are
    folded and batch normalization, padding and activations fused, unless --no-optimize is given.
    """
    check_distinct(model, output)
    graph = read_graph(model, "convert")
    nodes_in = len(graph.nodes)
    if optimize:
        graph = run_rewrites(graph)
    data = tflite.export(graph)
    write_atomically(output, data)
    if json_output:
        write_json(
            "convert",
            {
                "input": str(model),
                "output": str(output),
                "bytes": len(data),
                "operators_imported": nodes_in,
                "operators": len(graph.nodes),
            },
        )
        return
    write_facts(
        [
            ("written", f"{output}, {bytes_text(len(data))}"),
            ("operators", f"{len(graph.nodes)}, of {nodes_in} imported"),
        ]
    )
