"""Sliding windows: ONNX's strides, dilations, pads, auto_pad and ceil_mode as explicit padding."""

from __future__ import annotations

from dataclasses import dataclass

from whit.converter.errors import RefusedError
from whit.converter.importers.onnx.values import OnnxNode

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """Along height and width; 1-D windows have height 1.

    padding: (before, after) per axis. overhang: how far windows reach beyond the padded input
    after it, which ceil_mode allows.
    """

    kernel: Pair
    strides: Pair
    dilations: Pair
    padding: tuple[Pair, Pair]
    overhang: Pair

    @property
    def overhung(self) -> tuple[Pair, Pair]:
        """The padding with the overhang in it."""
        (top, bottom), (left, right) = self.padding
        return (top, bottom + self.overhang[0]), (left, right + self.overhang[1])


def _pair(values: tuple[int, ...], rank: int, default: int) -> Pair:
    if not values:
        return default, default
    if len(values) != rank - 2:
        raise RefusedError(
            f"{len(values)} sizes for a window of {rank - 2} axes", "export the model again"
        )
    return (default, values[0]) if rank == 3 else (values[0], values[1])


def _explicit(
    auto: str, size: int, extent: int, stride: int, pads: Pair, ceil: bool
) -> tuple[Pair, int]:
    """((before, after), overhang) along one axis; `extent` is the dilated kernel."""
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        outputs = -(-size // stride)
        total = max((outputs - 1) * stride + extent - size, 0)
        less, more = total // 2, total - total // 2
        return ((less, more) if auto == "SAME_UPPER" else (more, less)), 0
    if auto == "VALID":
        return (0, 0), 0
    if auto != "NOTSET":
        raise RefusedError(f"auto_pad '{auto}' is unknown", "export the model with explicit pads")
    if not ceil:
        return pads, 0
    span = size + sum(pads) - extent
    outputs = -(-span // stride) + 1
    # A window that would start in the padding after the input is left out.
    if (outputs - 1) * stride >= size + pads[0]:
        outputs -= 1
    return pads, max((outputs - 1) * stride - span, 0)


def window(node: OnnxNode, shape: tuple[int, ...], kernel: tuple[int, ...] | None = None) -> Window:
    """The window of `node` on an input [N,C,H,W] or [N,C,L]; kernel where the node does not say."""
    rank = len(shape)
    if rank not in (3, 4):
        raise RefusedError(
            f"its input has rank {rank}", "only 1-D and 2-D spatial operators are supported"
        )
    sizes = (1, shape[2]) if rank == 3 else (shape[2], shape[3])
    kernel_pair = _pair(node.ints("kernel_shape", kernel), rank, 1)
    strides = _pair(node.ints("strides", ()), rank, 1)
    dilations = _pair(node.ints("dilations", ()), rank, 1)
    pads = node.ints("pads", (0,) * (2 * (rank - 2)))
    if len(pads) != 2 * (rank - 2):
        raise RefusedError(f"{len(pads)} pads for {rank - 2} axes", "export the model again")
    if rank == 3:
        pads = (0, pads[0], 0, pads[1])
    if min(*kernel_pair, *strides, *dilations) < 1 or min(pads) < 0:
        raise RefusedError(
            "a kernel size, stride or dilation below 1, or a negative pad",
            "export the model with an explicit Pad or Slice instead",
        )
    padding: list[Pair] = []
    overhang: list[int] = []
    for axis in (0, 1):
        explicit, over = _explicit(
            node.get("auto_pad", "NOTSET"),
            sizes[axis],
            (kernel_pair[axis] - 1) * dilations[axis] + 1,
            strides[axis],
            (pads[axis], pads[axis + 2]),
            bool(node.get("ceil_mode", 0)),
        )
        padding.append(explicit)
        overhang.append(over)
    return Window(
        kernel_pair, strides, dilations, (padding[0], padding[1]), (overhang[0], overhang[1])
    )
