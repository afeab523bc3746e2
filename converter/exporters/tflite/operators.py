"""Each operator of the catalogue as TFLite operators."""

from __future__ import annotations

from collections.abc import Callable

from whit.converter.errors import RefusedError
from whit.converter.exporters.tflite.emitter import (
    Emitter,
    stored_value,
)
from whit.converter.exporters.tflite.model_file import TENSOR_TYPES
from whit.converter.exporters.tflite.windows import (
    average_pool,
    conv2d,
    depthwise_conv2d,
    max_pool,
)
from whit.converter.ir import DType, Node
from whit.converter.ops.quantization import FIXED_OUTPUT
from whit.converter.tflite_schema import FUSED

Conversion = Callable[[Emitter, Node], None]


def _simple(operator: str, options_type: str = "") -> Conversion:
    """Node inputs and outputs as they are, no options."""

    def convert(to: Emitter, node: Node) -> None:
        inputs = [to.tensor(name) for name in node.inputs]
        to.emit(operator, inputs, [to.tensor(node.outputs[0])], options_type)

    return convert


def _fixed_output(operator: str, options: str = "") -> Conversion:
    """An operator whose int8 output TFLite requires in one particular quantization."""

    def convert(to: Emitter, node: Node) -> None:
        y, wanted = to.output(node), FIXED_OUTPUT[node.op]
        if y.dtype is DType.INT8 and y.quantization != wanted:
            raise RefusedError(
                f"TFLite computes it in int8 only with output scale {wanted.scale[0]} and zero "
                f"point {wanted.zero_point[0]}",
                "quantize its output with these",
            )
        extra = {"Beta": float(node["beta"])} if node.op == "softmax" else {}
        to.emit(operator, [to.tensor(node.inputs[0])], [to.tensor(y.name)], options, **extra)

    return convert


def _binary(operator: str, options: str) -> Conversion:
    def convert(to: Emitter, node: Node) -> None:
        inputs = [to.tensor(name) for name in node.inputs]
        to.emit(operator, inputs, [to.tensor(node.outputs[0])], options,
                FusedActivationFunction=FUSED[node["activation"]])

    return convert


def _fully_connected(to: Emitter, node: Node) -> None:
    rank = len(to.input(node, 0).shape)
    to.emit("FULLY_CONNECTED", [to.tensor(node.inputs[0]), *to.weights_and_bias(node)],
            [to.tensor(node.outputs[0])],
            "FullyConnectedOptions", FusedActivationFunction=FUSED[node["activation"]],
            KeepNumDims=rank != 2)


def _clip(to: Emitter, node: Node) -> None:
    x, y = to.input(node, 0), to.output(node)
    low, high = node["min"], node["max"]
    target = to.tensor(y.name)
    if (low, high) == (0, None):
        to.emit("RELU", [to.tensor(x.name)], [target])
        return
    source = to.tensor(x.name)
    if x.quantization != y.quantization:  # only RELU changes scales on the way
        requantized = to.temporary(f"{y.name}_requantized", y)
        to.emit("QUANTIZE", [source], [requantized], "QuantizeOptions")
        source = requantized
    if (low, high) == (0, 6):
        to.emit("RELU6", [source], [target])
        return
    bounds = [(op, bound) for op, bound in (("MAXIMUM", low), ("MINIMUM", high))
              if bound is not None]
    if not bounds:
        shape = to.constant(f"{y.name}_shape", y.shape)
        to.emit("RESHAPE", [source, shape], [target], "ReshapeOptions", NewShape=y.shape)
    for position, (operator, bound) in enumerate(bounds):
        limit = to.constant(f"{y.name}_{operator.lower()}", stored_value(bound, y).reshape(1),
                            y.dtype.numpy, y.quantization)
        is_last = position == len(bounds) - 1
        result = target if is_last else to.temporary(f"{y.name}_at_least", y)
        to.emit(operator, [source, limit], [result], "MaximumMinimumOptions")
        source = result


def _leaky_relu(to: Emitter, node: Node) -> None:
    to.emit("LEAKY_RELU", [to.tensor(node.inputs[0])], [to.tensor(node.outputs[0])],
            "LeakyReluOptions", Alpha=float(node["alpha"]))


def _mean(to: Emitter, node: Node) -> None:
    axes = to.constant(f"{node.outputs[0]}_axes", node["axes"])
    to.emit("MEAN", [to.tensor(node.inputs[0]), axes], [to.tensor(node.outputs[0])],
            "ReducerOptions", KeepDims=bool(node["keepdims"]))


def _reshape(to: Emitter, node: Node) -> None:
    shape = to.constant(f"{node.outputs[0]}_shape", node["shape"])
    to.emit("RESHAPE", [to.tensor(node.inputs[0]), shape], [to.tensor(node.outputs[0])],
            "ReshapeOptions", NewShape=node["shape"])


def _transpose(to: Emitter, node: Node) -> None:
    perm = to.constant(f"{node.outputs[0]}_perm", node["perm"])
    to.emit("TRANSPOSE", [to.tensor(node.inputs[0]), perm], [to.tensor(node.outputs[0])],
            "TransposeOptions")


def _concat(to: Emitter, node: Node) -> None:
    y = to.output(node)
    if y.dtype is DType.INT8 and any(
        to.graph.tensors[name].quantization != y.quantization for name in node.inputs
    ):
        raise RefusedError("its int8 inputs and output differ in quantization",
                             "give all of them the output's quantization")
    to.emit("CONCATENATION", [to.tensor(name) for name in node.inputs], [to.tensor(y.name)],
            "ConcatenationOptions", Axis=node["axis"])


def _split(to: Emitter, node: Node) -> None:
    x, sizes = to.tensor(node.inputs[0]), node["sizes"]
    outputs = [to.tensor(name) for name in node.outputs]
    axis = to.constant(f"{node.name}_axis", node["axis"])
    if len(set(sizes)) == 1:
        to.emit("SPLIT", [axis, x], outputs, "SplitOptions", NumSplits=len(sizes))
    else:
        pieces = to.constant(f"{node.name}_sizes", sizes)
        to.emit("SPLIT_V", [x, pieces, axis], outputs, "SplitVOptions", NumSplits=len(sizes))


def _slice(to: Emitter, node: Node) -> None:
    x, y = to.tensor(node.inputs[0]), node.outputs[0]
    begin = to.constant(f"{y}_begin", node["begin"])
    if set(node["step"]) <= {1}:
        size = to.constant(f"{y}_size", node["size"])
        to.emit("SLICE", [x, begin, size], [to.tensor(y)], "SliceOptions")
        return
    ends = [b + n * s for b, n, s in zip(node["begin"], node["size"], node["step"], strict=True)]
    # A negative end would count from the back: the mask says "to the very first" instead.
    mask = sum(1 << axis for axis, end in enumerate(ends) if end < 0)
    end = to.constant(f"{y}_end", [max(end, 0) for end in ends])
    step = to.constant(f"{y}_step", node["step"])
    to.emit("STRIDED_SLICE", [x, begin, end, step], [to.tensor(y)], "StridedSliceOptions",
            EndMask=mask)


def _pad(to: Emitter, node: Node) -> None:
    y = to.output(node)
    value = None if node["value"] == 0 else stored_value(node["value"], y)
    to.pad(to.tensor(node.inputs[0]), to.tensor(y.name), node["paddings"], value, y)


def _cast(to: Emitter, node: Node) -> None:
    to.emit("CAST", [to.tensor(node.inputs[0])], [to.tensor(node.outputs[0])], "CastOptions",
            InDataType=TENSOR_TYPES[to.input(node, 0).dtype],
            OutDataType=TENSOR_TYPES[to.output(node).dtype])


_NEAREST = {
    ("asymmetric", "floor"): (False, False),
    ("align_corners", "round_half_up"): (True, False),
    ("half_pixel", "round_half_up"): (False, True),
}
_BILINEAR = {
    "asymmetric": (False, False), "align_corners": (True, False), "half_pixel": (False, True),
}


def _resize(to: Emitter, node: Node, operator: str, modes: tuple[bool, bool] | None) -> None:
    if modes is None:
        raise RefusedError(
            "TFLite has no such coordinates" if node.op == "resize_bilinear" else
            "TFLite has no such coordinates and rounding",
            "export the model with asymmetric, half_pixel or align_corners coordinates",
        )
    size = to.constant(f"{node.outputs[0]}_size", node["size"])
    options = "ResizeBilinearOptions" if node.op == "resize_bilinear" else (
        "ResizeNearestNeighborOptions")
    to.emit(operator, [to.tensor(node.inputs[0]), size], [to.tensor(node.outputs[0])], options,
            AlignCorners=modes[0], HalfPixelCenters=modes[1])


def _resize_nearest(to: Emitter, node: Node) -> None:
    _resize(to, node, "RESIZE_NEAREST_NEIGHBOR",
            _NEAREST.get((node["coordinates"], node["rounding"])))


def _resize_bilinear(to: Emitter, node: Node) -> None:
    coordinates = node["coordinates"]
    if coordinates == "pytorch_half_pixel" and min(node["size"]) > 1:
        coordinates = "half_pixel"  # they differ only where one pixel comes out
    _resize(to, node, "RESIZE_BILINEAR", _BILINEAR.get(coordinates))


CONVERSIONS: dict[str, Conversion] = {
    "conv2d": conv2d,
    "depthwise_conv2d": depthwise_conv2d,
    "fully_connected": _fully_connected,
    "average_pool2d": average_pool,
    "max_pool2d": max_pool,
    "mean": _mean,
    "add": _binary("ADD", "AddOptions"),
    "sub": _binary("SUB", "SubOptions"),
    "mul": _binary("MUL", "MulOptions"),
    "clip": _clip,
    "sigmoid": _fixed_output("LOGISTIC"),
    "tanh": _fixed_output("TANH"),
    "softmax": _fixed_output("SOFTMAX", "SoftmaxOptions"),
    "leaky_relu": _leaky_relu,
    "prelu": _simple("PRELU"),
    "reshape": _reshape,
    "transpose": _transpose,
    "concat": _concat,
    "split": _split,
    "slice": _slice,
    "pad": _pad,
    "quantize": _simple("QUANTIZE", "QuantizeOptions"),
    "dequantize": _simple("DEQUANTIZE", "DequantizeOptions"),
    "cast": _cast,
    "resize_nearest": _resize_nearest,
    "resize_bilinear": _resize_bilinear,
}
