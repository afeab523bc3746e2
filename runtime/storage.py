"""Which tensors share memory, and in which region each lies, before offsets are known.

A view (reshape) shares its input's storage; a state's update is written straight into the state's
memory where nothing still reads the old value, and copied there at the end of the run otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whit.converter.ir import Graph, State
from whit.runtime.kernel_table import kernels
from whit.runtime.lowering.registry import VIEWS
from whit.targets.kernel_call import KernelCall


@dataclass(frozen=True, eq=False)
class Step:
    """A kernel call of the run, and the graph node (by index) it belongs to."""

    call: KernelCall
    layer: int

    def accesses(self, letters: str) -> list[str]:
        """Tensors among the operands whose access letter is one of `letters`."""
        pairs = zip(self.call.operands, kernels()[self.call.kernel].access, strict=False)
        return [name for name, letter in pairs if isinstance(name, str) and letter in letters]


def roots(graph: Graph) -> dict[str, str]:
    """For each tensor, the tensor whose storage it uses: itself, unless it is a view."""
    root = {name: name for name in graph.tensors}
    for node in graph.nodes:
        if node.op in VIEWS:
            root[node.outputs[0]] = root[node.inputs[0]]
    return root


def copy_call(source: str, target: str, size: int) -> KernelCall:
    """A call that copies `size` bytes from one storage to another."""
    return KernelCall(
        "copy_any",
        (source, target),
        {"element_bytes": 1, "rank": 1, "dims": (size,), "x_strides": (1,), "y_strides": (1,)},
    )


@dataclass
class StateLayout:
    """state memory: offset of each storage that lies in it; steps to append; their temporaries."""

    offsets: dict[str, int]
    bytes: int
    copies: list[KernelCall]
    temporaries: dict[str, int]


def place_states(
    graph: Graph, root: dict[str, str], steps: list[Step], alignment: int
) -> StateLayout:
    """Give every state its memory and decide how it is updated."""
    layout = StateLayout({}, 0, [], {})
    for state in graph.states:
        layout.offsets[root[state.input]] = layout.bytes
        layout.bytes += -(-graph.tensors[state.input].bytes // alignment) * alignment
    late: list[State] = []
    for state in graph.states:
        if root[state.output] == root[state.input]:
            continue
        if _writable_in_place(graph, root, steps, state, layout.offsets):
            layout.offsets[root[state.output]] = layout.offsets[root[state.input]]
        else:
            late.append(state)
    held = {root[s.input] for s in graph.states}
    second: list[KernelCall] = []
    for state in late:
        source, target = root[state.output], root[state.input]
        size = graph.tensors[state.input].bytes
        if source in held:
            # States that trade places: every old value must be saved before any is replaced.
            saved = f"{source}%saved{len(layout.temporaries)}"
            layout.temporaries[saved] = size
            layout.copies.append(copy_call(source, saved, size))
            source = saved
        second.append(copy_call(source, target, size))
    layout.copies += second
    return layout


def _writable_in_place(
    graph: Graph, root: dict[str, str], steps: list[Step], state: State, taken: dict[str, int]
) -> bool:
    """No step reads the old value once the first step has written the new one."""
    target, source = root[state.input], root[state.output]
    if source in taken or graph.tensors[source].is_constant or source in graph.inputs:
        return False
    if any(root[name] == target for name in graph.outputs):
        return False
    if any(root[s.output] == target for s in graph.states):
        return False
    writes = [i for i, s in enumerate(steps) if source in (root[n] for n in s.accesses("o"))]
    reads = [i for i, s in enumerate(steps) if target in (root[n] for n in s.accesses("i"))]
    return bool(writes) and all(read < writes[0] for read in reads)


def fill_byte(array: np.ndarray) -> int | None:
    """The one byte that `array` consists of, or None."""
    data = np.frombuffer(array.tobytes(), np.uint8)
    return int(data[0]) if data.size and bool((data == data[0]).all()) else None
