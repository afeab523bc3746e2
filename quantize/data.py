"""Samples for calibration and evaluation: .npz, .npy, or a folder of them.

The first axis of an array counts samples. In a .npz, arrays go to inputs of the same name; a
model with one input takes the only array that fits it, or the one named by `file.npz:key`.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from whit.converter.errors import InputError
from whit.converter.ir import DType, Graph, Tensor

Sample = dict[str, np.ndarray]


class Samples(Sequence[Sample]):
    """Inputs by name, one mapping a sample, each of the shape and type the model takes.

    arrays: [count, *shape of the input] for every input.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        self.arrays = dict(arrays)
        self._count = len(next(iter(self.arrays.values()))) if self.arrays else 0

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Samples: ...
    def __getitem__(self, index: int | slice) -> Sample | Samples:
        taken = {name: array[index] for name, array in self.arrays.items()}
        return Samples(taken) if isinstance(index, slice) else taken

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    def spread(self, count: int) -> Samples:
        """`count` samples evenly spread over all of them, in order; all where there are fewer."""
        if count >= len(self):
            return self
        chosen = np.arange(count) * len(self) // count
        return Samples({name: array[chosen] for name, array in self.arrays.items()})


def load_samples(
    path: str | os.PathLike[str],
    graph: Graph,
    *,
    normalize: tuple[float, float] | None = None,
    limit: int | None = None,
) -> Samples:
    """The samples in `path` as inputs of `graph`.

    path: .npy, .npz, `file.npz:key`, or a folder of .npy and .npz files, read in order of name.
    normalize: (mean, standard deviation): float inputs get (stored - mean) / deviation; without
    it, integer data for a float input is refused, for its scale is anyone's guess.
    limit: take this many, evenly spread.

    Raises InputError naming the file, the array and what was expected.
    """
    text = os.fspath(path)
    inputs = [graph.tensors[name] for name in graph.inputs]
    if normalize is not None and not normalize[1] > 0:
        raise InputError(f"the standard deviation to normalize by is {normalize[1]}, not above 0")
    if limit is not None and limit < 1:
        raise InputError(f"{limit} samples were asked for; quantization needs at least 1")
    file, key = _split_key(text)
    if file.is_dir():
        members = sorted(p for p in file.iterdir() if p.suffix in (".npy", ".npz"))
        if not members:
            raise InputError(f"{text}: the folder holds no .npy or .npz files")
    else:
        members = [file]
    parts = [_read(member, key, inputs, normalize) for member in members]
    samples = Samples(
        {tensor.name: np.concatenate([part[tensor.name] for part in parts]) for tensor in inputs}
    )
    return samples if limit is None else samples.spread(limit)


def _split_key(text: str) -> tuple[Path, str | None]:
    if not Path(text).exists() and ".npz:" in text:
        file, _, key = text.rpartition(":")
        return Path(file), key
    return Path(text), None


def _read(
    path: Path, key: str | None, inputs: Sequence[Tensor], normalize: tuple[float, float] | None
) -> dict[str, np.ndarray]:
    arrays = _load(path)
    if not arrays:
        raise InputError(f"{path} holds no arrays; give it one, with samples along the first axis")
    if key is not None:
        if key not in arrays:
            raise InputError(f"{path} has no array '{key}'; it holds {_listing(arrays)}")
        arrays = {key: arrays[key]}
    by_input = {
        tensor.name: _prepare(f"{path}:{found}" if found else str(path), array, tensor, normalize)
        for tensor, (found, array) in _assign(path, arrays, inputs).items()
    }
    counts = {name: len(array) for name, array in by_input.items()}
    if len(set(counts.values())) > 1:
        raise InputError(f"{path}: the inputs have different numbers of samples: {counts}")
    return by_input


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        # numpy takes a file of any other kind for a pickle, and advises to load it nevertheless.
        why = "" if "pickle" in str(error) else f": {error}"
        raise InputError(f"{path} is not a .npy or .npz file of plain arrays{why}") from error


def _assign(
    path: Path, arrays: Mapping[str, np.ndarray], inputs: Sequence[Tensor]
) -> dict[Tensor, tuple[str, np.ndarray]]:
    missing = [tensor for tensor in inputs if tensor.name not in arrays]
    if not missing:
        return {tensor: (tensor.name, arrays[tensor.name]) for tensor in inputs}
    if len(inputs) > 1:
        raise InputError(
            f"{path} has no array '{missing[0].name}'; it holds {_listing(arrays)}, and each of "
            f"the model's {len(inputs)} inputs needs one of its name"
        )
    fitting = {n: a for n, a in arrays.items() if _stacked(a, inputs[0].shape) is not None}
    candidates = fitting if len(arrays) > 1 else arrays
    if len(candidates) != 1:
        what = "none" if not candidates else "more than one"
        raise InputError(
            f"{path}: {what} of its arrays ({_listing(arrays)}) fits input '{inputs[0].name}' "
            f"{list(inputs[0].shape)}; name the one to use as {path}:KEY"
        )
    return {inputs[0]: next(iter(candidates.items()))}


def _listing(arrays: Mapping[str, np.ndarray]) -> str:
    return ", ".join(f"{n} {a.dtype}{list(a.shape)}" for n, a in arrays.items())


def _stacked(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """`array` as [count, *shape], or None; axes of extent 1 may be missing or extra.

    An array of just the shape is one sample.
    """
    if array.shape == shape and array.size:
        return array[None]
    if array.ndim == 0 or array.shape[0] == 0:
        return None
    if [n for n in array.shape[1:] if n != 1] != [n for n in shape if n != 1]:
        return None
    return array.reshape(len(array), *shape)


def _prepare(
    where: str, array: np.ndarray, tensor: Tensor, normalize: tuple[float, float] | None
) -> np.ndarray:
    samples = _stacked(array, tensor.shape)
    if array.ndim > 0 and len(array) == 0:
        raise InputError(f"{where} is {array.dtype}{list(array.shape)}: it holds no samples")
    if samples is None:
        raise InputError(
            f"{where} is {array.dtype}{list(array.shape)}; input '{tensor.name}' takes samples of "
            f"{list(tensor.shape)}, stacked along a first axis of their own"
        )
    if tensor.dtype is not DType.FLOAT32:
        if samples.dtype != tensor.dtype.numpy:
            real = "; real numbers need --real on the command line"
            raise InputError(
                f"{where} is {array.dtype}, but input '{tensor.name}' is {tensor.dtype.value}: "
                f"store it as {tensor.dtype.value}{real if array.dtype.kind == 'f' else ''}"
            )
        return samples
    if normalize is not None and array.dtype.kind in "fiu":
        mean, deviation = normalize
        samples = (samples.astype(np.float64) - mean) / deviation
    elif array.dtype.kind != "f":
        raise InputError(
            f"{where} is {array.dtype}, but input '{tensor.name}' is float32: convert it as the "
            "model was trained, or give the mean and standard deviation to normalize by "
            "(--normalize MEAN,STD on the command line)"
        )
    samples = samples.astype(np.float32)
    if not np.isfinite(samples).all():
        raise InputError(f"{where} holds values that are not finite")
    return samples
