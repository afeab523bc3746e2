"""The errors whit raises; every one is a sentence a user can act on.

The command line turns a `WhitError` into one line on stderr and its `exit_status`; anything else
that escapes is a bug.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class WhitError(Exception):
    """Base of every error that whit raises on purpose."""

    exit_status = 1


class ModelError(WhitError):
    """A model file that is damaged, inconsistent or not of the format it claims."""


class InputError(WhitError):
    """Arguments, data or tensors given by the caller that do not fit."""


class CapacityError(WhitError):
    """The model is sound, but does not fit the board or the limits asked for."""

    exit_status = 3


class ToolError(WhitError):
    """A compiler, emulator or other external program is missing or failed."""


@dataclass(frozen=True)
class Refusal:
    """Why one node cannot be taken, and what its owner can do about it."""

    node: str
    operator: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.operator} '{self.node}': {self.reason}; {self.remedy}"


class RefusedError(Exception):
    """Raised inside importers, exporters and lowerings where one node cannot be taken.

    Never reaches a caller: it is collected with the others into an `UnsupportedError`.
    """

    def __init__(self, reason: str, remedy: str):
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy

    def of(self, node: str, operator: str) -> Refusal:
        return Refusal(node, operator, self.reason, self.remedy)


class UnsupportedError(WhitError):
    """Everything in a model that whit does not support, all at once."""

    exit_status = 2

    def __init__(self, source: str, refusals: Sequence[Refusal]):
        self.source = source
        self.refusals = tuple(refusals)
        ports = any(refusal.operator in ("input", "output") for refusal in self.refusals)
        noun = "part" if ports else "operator"
        plural = f"{noun} is" if len(self.refusals) == 1 else f"{noun}s are"
        lines = [f"{source}: {len(self.refusals)} {plural} not supported"]
        lines += [f"  {refusal}" for refusal in self.refusals]
        super().__init__("\n".join(lines))
