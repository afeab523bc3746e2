"""Inputs that make int8 models give many different answers: extremes, noise, smooth, real."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.support import SHARED


def extremes(shape: tuple[int, ...], dtype: np.dtype) -> Iterator[np.ndarray]:
    """Constant inputs at both ends and in the middle, and the two ends alternating."""
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    for value in (low, high, (low + high + 1) // 2):
        yield np.full(shape, value, dtype)
    flat = np.arange(int(np.prod(shape))) % 2
    yield np.where(flat, low, high).astype(dtype).reshape(shape)


def noise(shape: tuple[int, ...], dtype: np.dtype, seed: int) -> Iterator[np.ndarray]:
    """Endless noise of changing level and amplitude; every third is smoothed along its axes."""
    random = np.random.default_rng(seed)
    info = np.iinfo(dtype)
    span = info.max - info.min
    while True:
        for kind in range(3):
            level = random.uniform(info.min, info.max)
            amplitude = span * 10 ** random.uniform(-2, 0)
            values = random.normal(level, amplitude, shape)
            if kind == 2:
                for axis, extent in enumerate(shape):
                    if extent > 4:
                        values = np.cumsum(values - level, axis=axis) / extent**0.5 + level
            yield np.clip(np.round(values), info.min, info.max).astype(dtype)


def real(model: str) -> list[np.ndarray]:
    """Real samples for the named model of ../shared, in its int8 input; [] where there are none."""
    if SHARED is None:
        return []
    if model.startswith("kws"):
        return list(np.load(SHARED / "data" / "kws.npz")["x"][:, None].astype(np.int8))
    images = np.load(SHARED / "data" / "cifar_calib.npz")["x"]
    if model.startswith("ic"):
        return [(i.astype(np.int16) - 128).astype(np.int8)[None] for i in images]
    return []
