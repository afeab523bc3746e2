"""The values that `whit run` and `whit bench` feed a model: from a file, or random."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import click
import numpy as np

from whit.converter.build import add_node
from whit.converter.errors import InputError
from whit.converter.ir import DType, Graph, Tensor
from whit.quantize.data import load_samples
from whit.runtime.session import Session
from whit.runtime.tape import Port

SEED = 0
Feed = dict[str, np.ndarray]


def random_feeds(ports: Sequence[Port], count: int, seed: int = SEED) -> list[Feed]:
    """`count` feeds of noise: integers over their type's whole range, floats standard normal."""
    generator = np.random.default_rng(seed)
    return [{port.name: _noise(generator, port) for port in ports} for _ in range(count)]


def _noise(generator: np.random.Generator, port: Port) -> np.ndarray:
    if port.dtype is DType.FLOAT32:
        return generator.standard_normal(port.shape, np.float32)
    if port.dtype is DType.BOOL:
        return generator.integers(0, 2, port.shape).astype(bool)
    limits = np.iinfo(port.dtype.numpy)
    return generator.integers(
        limits.min, limits.max, port.shape, port.dtype.numpy, endpoint=True
    )


def read_feeds(
    path: str,
    ports: Sequence[Port],
    normalize: tuple[float, float] | None = None,
    real: bool = False,
) -> list[Feed]:
    """The samples in a file for a program's inputs; see `whit.quantize.data.load_samples`.

    real: the file holds real numbers for quantized inputs too, converted here with the input's
    scale and zero point. Raises InputError naming file and array where they do not fit.
    """
    converted = [port for port in ports if real and port.quantization is not None]
    interface = Graph("interface", inputs=[port.name for port in ports])
    for port in ports:
        kind = DType.FLOAT32 if port in converted else port.dtype
        interface.add(Tensor(port.name, port.shape, kind))
    if normalize is not None and not any(
        tensor.dtype is DType.FLOAT32 for tensor in interface.tensors.values()
    ):
        raise InputError(
            "--normalize is for real numbers, of which the model takes none; give --real as well"
        )
    feeds = list(load_samples(path, interface, normalize=normalize))
    quantizers = {port.name: _quantizer(port) for port in converted}
    for feed in feeds:
        for name, session in quantizers.items():
            (feed[name],) = session.run({"real": feed[name]}).values()
    return feeds


def _quantizer(port: Port) -> Session:
    """The runtime's own conversion of reals to what an input stores."""
    graph = Graph("quantizer", inputs=["real"], outputs=["stored"])
    graph.add(Tensor("real", port.shape, DType.FLOAT32))
    add_node(
        graph, "quantize", "quantize", ["real"], ["stored"], port.quantization,
        dtype=port.dtype.value,
    )  # fmt: skip
    return Session(graph)


class Normalization(click.ParamType):
    """MEAN,STD as two numbers."""

    name = "mean,std"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        try:
            mean, deviation = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not two numbers, as in 127.5,64", param, ctx)
        if not (np.isfinite(mean) and np.isfinite(deviation) and deviation > 0):
            self.fail(f"{value!r} needs a finite mean and a deviation above 0", param, ctx)
        return mean, deviation


class SampleRange(click.ParamType):
    """A:B as a slice: samples A to B - 1, counted from 0; either may be left out."""

    name = "a:b"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> slice:
        match = re.fullmatch(r"(\d*):(\d*)", str(value))
        if match is None:
            self.fail(f"{value!r} is not a range of samples, as in 0:100", param, ctx)
        first, last = (int(part) if part else None for part in match.groups())
        if last is not None and last <= (first or 0):
            self.fail(f"{value!r} holds no sample", param, ctx)
        return slice(first, last)


normalize_option = click.option(
    "--normalize",
    type=Normalization(),
    metavar="MEAN,STD",
    help="Feed real inputs with (x - MEAN) / STD of what the file holds.",
)
