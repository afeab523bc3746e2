"""Quantization: calibration on samples, and the float graph's conversion to int8."""

from whit.quantize.calibrate import calibrate
from whit.quantize.data import Samples, load_samples
from whit.quantize.quantizer import quantize

__all__ = ["Samples", "calibrate", "load_samples", "quantize"]
