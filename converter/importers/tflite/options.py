"""Which options table each TFLite operator has, and the fields of it that are read.

Names are the schema's, as the `tflite` package spells their accessors.
"""

from __future__ import annotations

_FUSED = "FusedActivationFunction"
_WINDOW = ("Padding", "StrideH", "StrideW", _FUSED)
_POOL = ("Pool2DOptions", (*_WINDOW, "FilterHeight", "FilterWidth"))
_DILATIONS = ("DilationHFactor", "DilationWFactor")
_RESIZE = ("AlignCorners", "HalfPixelCenters")

OPTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "CONV_2D": ("Conv2DOptions", (*_WINDOW, *_DILATIONS)),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", (*_WINDOW, *_DILATIONS)),
    "FULLY_CONNECTED": ("FullyConnectedOptions", (_FUSED, "WeightsFormat", "KeepNumDims")),
    "ADD": ("AddOptions", (_FUSED,)),
    "SUB": ("SubOptions", (_FUSED,)),
    "MUL": ("MulOptions", (_FUSED,)),
    "AVERAGE_POOL_2D": _POOL,
    "MAX_POOL_2D": _POOL,
    "MEAN": ("ReducerOptions", ("KeepDims",)),
    "SOFTMAX": ("SoftmaxOptions", ("Beta",)),
    "LEAKY_RELU": ("LeakyReluOptions", ("Alpha",)),
    "RESHAPE": ("ReshapeOptions", ("NewShape",)),
    "SQUEEZE": ("SqueezeOptions", ("SqueezeDims",)),
    "CONCATENATION": ("ConcatenationOptions", ("Axis", _FUSED)),
    "PACK": ("PackOptions", ("Axis",)),
    "UNPACK": ("UnpackOptions", ("Axis",)),
    "SPLIT": ("SplitOptions", ("NumSplits",)),
    "STRIDED_SLICE": ("StridedSliceOptions", (
        "BeginMask", "EndMask", "EllipsisMask", "NewAxisMask", "ShrinkAxisMask", "Offset")),
    "RESIZE_NEAREST_NEIGHBOR": ("ResizeNearestNeighborOptions", _RESIZE),
    "RESIZE_BILINEAR": ("ResizeBilinearOptions", _RESIZE),
    "VAR_HANDLE": ("VarHandleOptions", ("Container", "SharedName")),
    "CALL_ONCE": ("CallOnceOptions", ("InitSubgraphIndex",)),
}
