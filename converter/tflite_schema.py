"""What reading and writing .tflite files share: names of TFLite's schema, version 3."""

from __future__ import annotations

import tflite

FILE_IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3

FUSED = {
    "none": tflite.ActivationFunctionType.NONE,
    "relu": tflite.ActivationFunctionType.RELU,
    "relu6": tflite.ActivationFunctionType.RELU6,
    "relu_n1_to_1": tflite.ActivationFunctionType.RELU_N1_TO_1,
}
"""The schema's number of each fused activation."""
