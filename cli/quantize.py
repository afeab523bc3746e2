"""whit quantize: a float model becomes an int8 .tflite file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import click

from whit.cli.files import OutputPath, check_distinct, read_graph, write_atomically
from whit.cli.inputs import SampleRange, normalize_option
from whit.cli.output import as_json, bytes_text, progress, write_facts, write_json
from whit.converter.errors import InputError
from whit.converter.exporters import tflite
from whit.converter.ir import DType
from whit.quantize.data import Samples, load_samples
from whit.quantize.quantizer import quantize

Interface = Literal["int8", "float32"]
_INTERFACE = click.Choice(["int8", "float32"])


@click.command(
    "quantize",
    short_help="Turn a float model into an int8 .tflite file.",
    epilog="Example: whit quantize model.onnx int8.tflite --data samples.npz",
)
@click.argument("model", type=click.Path(path_type=Path), metavar="IN")
@click.argument("output", type=OutputPath(), metavar="OUT")
@click.option(
    "--data",
    required=True,
    metavar="D",
    help="Typical inputs to calibrate on: a .npz with an array for each input, one array of it "
    "(x.npz:NAME), a .npy or a folder of them; the first axis counts samples.",
)
@normalize_option
@click.option(
    "--samples",
    type=SampleRange(),
    metavar="A:B",
    help="Use samples A to B - 1 only, counted from 0; A or B may be left out.",
)
@click.option(
    "--inputs",
    type=_INTERFACE,
    default="int8",
    show_default=True,
    help="Type of the int8 model's inputs; float32 ones are quantized inside.",
)
@click.option(
    "--outputs",
    type=_INTERFACE,
    default="int8",
    show_default=True,
    help="Type of the int8 model's outputs; float32 ones are dequantized inside.",
)
@as_json
def command(
    model: Path,
    output: Path,
    data: str,
    normalize: tuple[float, float] | None,
    samples: slice | None,
    inputs: Interface,
    outputs: Interface,
    json_output: bool,
) -> None:
    """Quantize the float model IN to int8, calibrated on samples, and write it as OUT (.tflite).

    Weights get a scale per channel, activations a scale and zero point per tensor from their
    range over the samples: the TFLite int8 specification, so that any TFLite runtime runs OUT. A
    hundred typical samples are enough; those of a streaming model are taken in order.
    """
    check_distinct(model, output)
    graph = read_graph(model, "quantize")
    if not any(tensor.dtype is DType.FLOAT32 for tensor in graph.activations()):
        raise InputError(f"{model}: is quantized already; quantize the float model it came from")
    chosen = load_samples(data, graph, normalize=normalize)
    if samples is not None:
        chosen = _slice(chosen, samples, data)
    with progress("calibrating", len(chosen)) as advance:
        quantized = quantize(
            graph, chosen, inputs=inputs, outputs=outputs, progress=_each(advance)
        )
    result = tflite.export(quantized)
    write_atomically(output, result)
    if json_output:
        write_json(
            "quantize",
            {
                "input": str(model),
                "output": str(output),
                "bytes": len(result),
                "samples": len(chosen),
                "operators": len(quantized.nodes),
            },
        )
        return
    write_facts(
        [
            ("written", f"{output}, {bytes_text(len(result))}"),
            ("calibrated on", f"{len(chosen)} samples"),
            ("operators", len(quantized.nodes)),
        ]
    )


def _slice(samples: Samples, wanted: slice, source: str) -> Samples:
    chosen = samples[wanted]
    if len(chosen) == 0 or (wanted.stop is not None and wanted.stop > len(samples)):
        raise InputError(f"{source}: holds {len(samples)} samples, --samples asks for others")
    return chosen


def _each(advance: Callable[[int], None]) -> Callable[[int], None]:
    """A progress bar advances by one each time the quantizer tells how many are done."""
    return lambda done: advance(1)
