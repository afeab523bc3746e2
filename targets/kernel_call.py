"""A kernel call: what lowering asks for, and what a kernel set may take and repack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Number = int | float
Params = dict[str, Number | tuple[Number, ...]]
"""Values for a kernel's parameter struct, by member; tuples fill arrays from the left."""

Operand = str | np.ndarray | None
"""A tensor of the graph by name, constant data as the kernel reads it, or absent."""


@dataclass(frozen=True, eq=False)
class KernelCall:
    """One kernel applied to operands: becomes one record of the program.

    kernel: a name of `kernels.h`; operands: in that kernel's order, without the scratch operand;
    params: the members of its parameter struct; layout: how constant operands are packed
    (0: the plain layout that `kernels.h` describes). Lowering makes calls in layout 0 only.
    """

    kernel: str
    operands: tuple[Operand, ...]
    params: Mapping[str, Number | tuple[Number, ...]]
    layout: int = 0
