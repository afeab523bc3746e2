"""Which function converts which TFLite operator: the one place to add one."""

from __future__ import annotations

from collections.abc import Callable

from whit.converter.importers.tflite import convolution, elementwise, layout
from whit.converter.importers.tflite.context import Context
from whit.converter.importers.tflite.reader import FileOperator

CONVERSIONS: dict[str, Callable[[Context, FileOperator], None]] = {
    "CONV_2D": convolution.conv2d,
    "DEPTHWISE_CONV_2D": convolution.depthwise_conv2d,
    "FULLY_CONNECTED": convolution.fully_connected,
    "AVERAGE_POOL_2D": convolution.average_pool,
    "MAX_POOL_2D": convolution.max_pool,
    "MEAN": convolution.mean,
    "ADD": elementwise.binary("add"),
    "SUB": elementwise.binary("sub"),
    "MUL": elementwise.binary("mul"),
    "RELU": elementwise.unary("clip", min=0.0),
    "RELU6": elementwise.unary("clip", min=0.0, max=6.0),
    "RELU_N1_TO_1": elementwise.unary("clip", min=-1.0, max=1.0),
    "RELU_0_TO_1": elementwise.unary("clip", min=0.0, max=1.0),
    "MINIMUM": elementwise.bound("max"),
    "MAXIMUM": elementwise.bound("min"),
    "LOGISTIC": elementwise.unary("sigmoid"),
    "TANH": elementwise.unary("tanh"),
    "SOFTMAX": elementwise.softmax,
    "LEAKY_RELU": elementwise.leaky_relu,
    "PRELU": elementwise.prelu,
    "QUANTIZE": elementwise.quantize,
    "DEQUANTIZE": elementwise.dequantize,
    "CAST": elementwise.cast,
    "RESHAPE": layout.reshape,
    "SQUEEZE": layout.squeeze,
    "EXPAND_DIMS": layout.expand_dims,
    "TRANSPOSE": layout.transpose,
    "CONCATENATION": layout.concatenation,
    "PACK": layout.pack,
    "UNPACK": layout.unpack,
    "SPLIT": layout.split,
    "SPLIT_V": layout.split_v,
    "STRIDED_SLICE": layout.strided_slice,
    "SLICE": layout.slice_,
    "PAD": layout.pad,
    "PADV2": layout.pad,
    "SHAPE": layout.shape,
    "RESIZE_NEAREST_NEIGHBOR": layout.resize("resize_nearest"),
    "RESIZE_BILINEAR": layout.resize("resize_bilinear"),
}
