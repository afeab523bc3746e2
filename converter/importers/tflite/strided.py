"""STRIDED_SLICE's masks, resolved to explicit begin, size and step per axis.

The meaning is TensorFlow's (tf.strided_slice), which is Python's slicing with Ellipsis, newaxis
and integer indices written as bit masks.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Spec:
    """The operator as the file has it: one entry per index, one bit per index in each mask."""

    begin: tuple[int, ...]
    end: tuple[int, ...]
    strides: tuple[int, ...]
    begin_mask: int = 0
    end_mask: int = 0
    ellipsis_mask: int = 0
    new_axis_mask: int = 0
    shrink_axis_mask: int = 0
    end_is_offset: bool = False


@dataclass(frozen=True)
class Window:
    """begin, size, step: one per axis of the input; shape: of the output."""

    begin: tuple[int, ...]
    size: tuple[int, ...]
    step: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def reshaped(self) -> bool:
        return self.shape != self.size


def resolve(spec: Spec, shape: tuple[int, ...]) -> Window:
    """What `spec` takes of a tensor of `shape`; ValueError where it does not fit or is empty."""
    count = len(spec.begin)
    if not count == len(spec.end) == len(spec.strides):
        raise ValueError("begin, end and strides differ in length")
    if spec.ellipsis_mask & (spec.ellipsis_mask - 1):
        raise ValueError("more than one ellipsis")
    consumed = sum(
        not (spec.ellipsis_mask >> i & 1 or spec.new_axis_mask >> i & 1) for i in range(count))
    if consumed > len(shape):
        raise ValueError(f"{consumed} indices for rank {len(shape)}")
    window: list[tuple[int, int, int]] = []
    result: list[int] = []
    for i in range(count):
        if spec.ellipsis_mask >> i & 1:
            for extent in shape[len(window) : len(window) + len(shape) - consumed]:
                window.append((0, extent, 1))
                result.append(extent)
        elif spec.new_axis_mask >> i & 1:
            result.append(1)
        else:
            axis = len(window)
            window.append(_index(spec, i, shape[axis], axis))
            if not spec.shrink_axis_mask >> i & 1:
                result.append(window[-1][1])
    for extent in shape[len(window) :]:
        window.append((0, extent, 1))
        result.append(extent)
    begin, size, step = zip(*window, strict=True) if window else ((), (), ())
    return Window(tuple(begin), tuple(size), tuple(step), tuple(result))


def _index(spec: Spec, i: int, extent: int, axis: int) -> tuple[int, int, int]:
    """(begin, size, step) of one index."""
    begin, end, stride = spec.begin[i], spec.end[i], spec.strides[i]
    if spec.shrink_axis_mask >> i & 1:
        if spec.begin_mask >> i & 1:  # TFLite's kernels let it win, tf.strided_slice does not
            begin = 0
        if not -extent <= begin < extent:
            raise ValueError(f"index {begin} is outside axis {axis} of {extent}")
        return begin % extent, 1, 1
    if stride == 0:
        raise ValueError(f"stride 0 along axis {axis}")
    if spec.end_is_offset:
        end += begin
    first = None if spec.begin_mask >> i & 1 else begin
    last = None if spec.end_mask >> i & 1 else end
    positions = range(extent)[first:last:stride]
    if not positions:
        raise ValueError(f"nothing is left along axis {axis}")
    # With one element the stride is idle, and may be longer than the axis.
    return positions[0], len(positions), stride if len(positions) > 1 else 1
