"""whit_window_lag against a simulation that marks every byte written."""

from __future__ import annotations

import ctypes
from itertools import product

import numpy as np
import pytest

from whit.converter.ops.convolution import window_extent
from whit.runtime.library import library


class Axis(ctypes.Structure):
    """whit_axis of window.h."""

    _fields_ = [
        (name, ctypes.c_int32)
        for name in ("size", "count", "kernel", "stride", "dilation", "pad")
    ]

    def reads(self, position: int) -> list[int]:
        start = position * self.stride - self.pad
        taps = (start + tap * self.dilation for tap in range(self.kernel))
        return [tap for tap in taps if 0 <= tap < self.size]


def random_axis(random: np.random.Generator, plain: bool) -> Axis:
    """plain: one tap after the other, no position or pixel left out."""
    kernel = int(random.integers(1, 4))
    stride, dilation = (1, 1) if plain else (int(n) for n in random.integers(1, 4, 2))
    pads = [int(n) for n in random.integers(0, 1 if plain else 3, 2)]
    size = int(random.integers(1, 5)) + (kernel - 1) * dilation
    count = window_extent(size, kernel, stride, dilation, (pads[0], pads[1]))
    return Axis(size, count, kernel, stride, dilation, pads[0])


def safe(rows: Axis, columns: Axis, batch: int, x_bytes: int, y_bytes: int, distance: int) -> bool:
    """Whether no position reads, while or after it is written, a byte of y `distance` below x."""
    image = rows.size * columns.size
    origin = max(distance, 0) + rows.count * columns.count * batch * y_bytes
    written = np.zeros(2 * origin + batch * image * x_bytes, bool)
    output = origin - distance
    for b, i, j in product(range(batch), range(rows.count), range(columns.count)):
        written[output : output + y_bytes] = True
        output += y_bytes
        for row, column in product(rows.reads(i), columns.reads(j)):
            pixel = b * image + row * columns.size + column
            if written[origin + pixel * x_bytes : origin + (pixel + 1) * x_bytes].any():
                return False
    return True


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_distance_is_safe_and_no_larger_than_needed(seed: int, plain: bool) -> None:
    random = np.random.default_rng(seed)
    rows, columns = random_axis(random, plain), random_axis(random, plain)
    batch, x_bytes, y_bytes = (int(n) for n in random.integers(1, [3, 6, 6]))
    lag = int(library().whit_window_lag(
        ctypes.byref(rows), ctypes.byref(columns), batch, x_bytes, y_bytes
    ))
    case = (rows, columns, batch, x_bytes, y_bytes)
    for further in range(4):
        assert safe(*case, lag + further)
    # With pixels left out there can be room that one distance cannot express.
    assert not plain or not safe(*case, lag - 1)
