"""Other people's runtimes, for `whit bench --against`: one thread each, the same data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from whit.cli.rivals import litert, onnxruntime, tflm
from whit.cli.rivals.rival import Rival, Runner, Subject, UnavailableError

RIVALS: Mapping[str, Rival] = MappingProxyType(
    {rival.name: rival for rival in (litert.RIVAL, tflm.RIVAL, onnxruntime.RIVAL)}
)

__all__ = ["RIVALS", "Rival", "Runner", "Subject", "UnavailableError"]
