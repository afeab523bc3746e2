"""whit: a deep-learning runtime and int8 toolchain for microcontrollers and edge devices.

    import whit
    session = whit.Session("model.tflite")
    outputs = session.run({"input": array})
"""

from whit.converter.errors import (
    CapacityError,
    InputError,
    ModelError,
    ToolError,
    UnsupportedError,
    WhitError,
)
from whit.converter.importers import load
from whit.runtime.session import Session

__all__ = [
    "CapacityError",
    "InputError",
    "ModelError",
    "Session",
    "ToolError",
    "UnsupportedError",
    "WhitError",
    "load",
]
