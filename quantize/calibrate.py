"""Calibration: run the float model on samples and look at every tensor.

The runtime executes the graph; an observer sees each tensor of each run. The observer here keeps
the least and the greatest value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import numpy as np

from whit.converter.errors import InputError
from whit.converter.ir import DType, Graph
from whit.quantize.parameters import LARGEST_REAL, Range
from whit.runtime.session import Session

Sample = Mapping[str, np.ndarray]


class Observer(Protocol):
    def observe(self, name: str, values: np.ndarray) -> None:
        """Called with every float tensor of every run."""


class MinMax:
    """The range of every tensor over all samples."""

    def __init__(self) -> None:
        self.ranges: dict[str, Range] = {}

    def observe(self, name: str, values: np.ndarray) -> None:
        seen = Range.of(values)
        known = self.ranges.get(name)
        self.ranges[name] = seen if known is None else known | seen


def watch(
    graph: Graph,
    samples: Iterable[Sample],
    observer: Observer,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Run `graph` on each sample in order and show `observer` all float tensors; returns how many.

    A streaming model keeps its state from one sample to the next, as it will on the device.
    progress: called with the number of samples done. Raises InputError where there are no
    samples, where one does not fit the model, or where a tensor is not finite.
    """
    session = Session(graph, optimize=False)
    count = 0
    for sample in samples:
        _, taps = session.run_with_taps(sample)
        for name, values in taps.items():
            if graph.tensors[name].dtype is not DType.FLOAT32:
                continue
            if not np.abs(values).max() <= LARGEST_REAL:
                raise InputError(
                    f"{graph.source or graph.name}: tensor '{name}' is not finite, or too large "
                    f"to quantize, on calibration sample {count}; look at that sample "
                    "and at the model's constants"
                )
            observer.observe(name, values)
        count += 1
        if progress is not None:
            progress(count)
    if count == 0:
        raise InputError(
            f"{graph.source or graph.name}: no calibration samples; quantization needs some inputs"
        )
    return count


def calibrate(
    graph: Graph, samples: Iterable[Sample], progress: Callable[[int], None] | None = None
) -> dict[str, Range]:
    """The min-max range of every tensor computed at run time; see `watch`."""
    observer = MinMax()
    watch(graph, samples, observer, progress)
    return observer.ranges
