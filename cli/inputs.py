"""The values that `whit run` and `whit bench` feed a model: from a file, or random."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from whit.converter.errors import InputError
from whit.converter.ir import DType
from whit.runtime.session import check_inputs
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


def read_feeds(path: Path, ports: Sequence[Port]) -> list[Feed]:
    """What a .npz or .npy file holds for a model: one feed, or one a row of a stack of them.

    A .npz names arrays after the inputs; for a model of one input, an array called x or the only
    array will do as well. Each array is one input, or has a leading axis of several. Raises
    InputError saying which input is missing or does not fit.
    """
    arrays = _assign(path, _read(path), [port.name for port in ports])
    stacks = {port.name: _stack(port, arrays[port.name]) for port in ports}
    lengths = {name: len(stack) for name, stack in stacks.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"'{name}' {length}" for name, length in lengths.items())
        raise InputError(f"{path}: inputs differ in how many samples they hold: {counts}")
    if 0 in lengths.values():
        raise InputError(f"{path}: holds no sample")
    feeds = [{name: stack[i] for name, stack in stacks.items()}
             for i in range(min(lengths.values(), default=1))]
    try:
        check_inputs(list(ports), feeds[0] if feeds else {})
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return feeds


def _read(path: Path) -> Mapping[str, np.ndarray]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a .npz or .npy file of plain arrays") from error


def _assign(
    path: Path, arrays: Mapping[str, np.ndarray], names: Sequence[str]
) -> Mapping[str, np.ndarray]:
    missing = [name for name in names if name not in arrays]
    if not missing:
        return arrays
    if len(names) == 1:
        if "x" in arrays:
            return {names[0]: arrays["x"]}
        if len(arrays) == 1:
            return {names[0]: next(iter(arrays.values()))}
    held = ", ".join(f"'{name}'" for name in arrays if name) or "one unnamed array"
    raise InputError(
        f"{path}: no array for input '{missing[0]}'; it holds {held}, "
        f"the model's inputs are {', '.join(repr(name) for name in names)}"
    )


def _stack(port: Port, array: np.ndarray) -> np.ndarray:
    """`array` as [count, *port.shape]; left alone, as one feed, where its shape does not fit."""
    if array.shape == port.shape:
        return array[np.newaxis]
    if array.shape[1:] == port.shape:
        return array
    if port.shape[:1] == (1,) and array.shape[1:] == port.shape[1:]:
        return array[:, np.newaxis]
    return array[np.newaxis]
