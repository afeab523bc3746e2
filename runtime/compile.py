"""Compilation: graph → lowered steps → memory plan → program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from whit.converter.check import check
from whit.converter.errors import CapacityError, Refusal, UnsupportedError
from whit.converter.ir import Graph, Tensor
from whit.converter.rewrites import optimize as run_rewrites
from whit.runtime.kernel_table import kernels, pack_params
from whit.runtime.legalize import detach_outputs
from whit.runtime.library import lag, scratch_bytes
from whit.runtime.lowering import lower
from whit.runtime.lowering.common import MAX_DIMS
from whit.runtime.plan import Buffer, Overlap, Plan, plan
from whit.runtime.storage import StateLayout, Step, fill_byte, place_states, roots
from whit.runtime.tape import (
    ARENA,
    CONSTANTS,
    LARGEST_REGION,
    NONE,
    STATE,
    Port,
    Program,
    Record,
    StateSlot,
    reference,
)
from whit.targets.catalogue import load_target
from whit.targets.kernel_call import Operand


@dataclass
class Compiled:
    """A program and how it came about.

    graph: as compiled, after optimization. plan: the arena. locations: reference of every
    tensor computed at run time. ready: index of the record after which a tensor is complete
    (-1: before the first).
    """

    program: Program
    graph: Graph
    plan: Plan
    locations: dict[str, int]
    ready: dict[str, int]


def compile_graph(graph: Graph, target: str = "host", optimize: bool = True) -> Program:
    """Compile `graph` for a target; see `compile_with_details` for errors."""
    return compile_with_details(graph, target, optimize).program


def compile_with_details(graph: Graph, target: str = "host", optimize: bool = True) -> Compiled:
    """Compile, keeping the plan and the place of every tensor.

    Raises UnsupportedError listing every node that has no kernel, InputError for an unknown
    target, ModelError for an invalid graph, CapacityError for one beyond what references reach.
    """
    core = load_target(target)
    check(graph)
    _check_interface(graph)
    if optimize:
        graph = run_rewrites(graph)
    return _Compiler(detach_outputs(graph), target, core.alignment).compile()


def _check_interface(graph: Graph) -> None:
    refusals = [
        Refusal(name, kind, f"rank {rank} is above {MAX_DIMS}", "reshape it")
        for kind, names in (("input", graph.inputs), ("output", graph.outputs))
        for name in names
        if (rank := len(graph.tensors[name].shape)) > MAX_DIMS
    ]
    if refusals:
        raise UnsupportedError(graph.source or graph.name, refusals)


class _Constants:
    """The constant section: every array once."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._known: dict[tuple[bytes, int], int] = {}

    def add(self, array: np.ndarray) -> int:
        raw = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        alignment = max(4, array.dtype.itemsize)
        key = (raw, alignment)
        if key not in self._known:
            self.data += bytes(-len(self.data) % alignment)
            self._known[key] = len(self.data)
            self.data += raw
        return self._known[key]


class _Compiler:
    def __init__(self, graph: Graph, target: str, alignment: int):
        self.graph = graph
        self.target = target
        self.alignment = alignment
        self.root = roots(graph)
        self.constants = _Constants()
        self.steps = [
            Step(call, layer) for layer, calls in enumerate(lower(graph)) for call in calls
        ]

    def compile(self) -> Compiled:
        states = place_states(self.graph, self.root, self.steps, self.alignment)
        last_layer = max(len(self.graph.nodes) - 1, 0)
        self.steps += [Step(call, last_layer) for call in states.copies]
        self.sizes = {n: self.graph.tensors[n].bytes for n in set(self.root.values())}
        self.sizes |= states.temporaries
        self.root |= {name: name for name in states.temporaries}
        scratch = [
            scratch_bytes(s.call.kernel, s.call.layout, dict(s.call.params)) for s in self.steps
        ]
        buffers = self._buffers(states, scratch)
        arena = plan(buffers, self._overlaps({b.name for b in buffers}), self.alignment)
        self._check_capacity("arena", arena.bytes)
        self._check_capacity("state", states.bytes)
        where = {n: reference(STATE, o) for n, o in states.offsets.items()}
        where |= {n: reference(ARENA, o) for n, o in arena.offsets.items()}
        records = [self._record(i, s, scratch[i], where) for i, s in enumerate(self.steps)]
        program = Program(
            name=self.graph.name,
            target=self.target,
            records=records,
            constants=b"",
            inputs=[self._port(n, where) for n in self.graph.inputs],
            outputs=[self._port(n, where) for n in self.graph.outputs],
            states=[self._slot(s.input, s.initial, states) for s in self.graph.states],
            arena_bytes=arena.bytes,
            state_bytes=states.bytes,
            layers=[node.name for node in self.graph.nodes] or ["(none)"],
        )
        program.constants = bytes(self.constants.data)
        locations = {
            n: where[r] for n, r in self.root.items() if r in where and n in self.graph.tensors
        }
        return Compiled(program, self.graph, arena, locations, self._ready(locations))

    def _check_capacity(self, memory: str, size: int) -> None:
        if size > LARGEST_REGION:
            raise CapacityError(
                f"{self.graph.source or self.graph.name}: needs {size:,} bytes of {memory}, and a "
                f"program can address {LARGEST_REGION:,}; give the model smaller inputs or layers"
            )

    def _buffers(self, states: StateLayout, scratch: list[int]) -> list[Buffer]:
        """Lifetimes of everything that lies in the arena."""
        first: dict[str, int] = {}
        last: dict[str, int] = {}
        for name in self.graph.inputs:
            first[self.root[name]] = last[self.root[name]] = -1
        for i, step in enumerate(self.steps):
            for name in step.accesses("io"):
                storage = self.root[name]
                first.setdefault(storage, i)
                last[storage] = i
        for name in self.graph.outputs:
            last[self.root[name]] = len(self.steps)
        buffers = [
            Buffer(name, self.sizes[name], first[name], last[name])
            for name in first
            if name not in states.offsets and not self._is_constant(name)
        ]
        buffers += [
            Buffer(f"%scratch{i}", size, i, i) for i, size in enumerate(scratch) if size
        ]
        return buffers

    def _is_constant(self, storage: str) -> bool:
        tensor = self.graph.tensors.get(storage)
        return tensor is not None and tensor.is_constant

    def _overlaps(self, arena: set[str]) -> list[Overlap]:
        """Where an output may lie over an input that the same call reads for the last time."""
        found: dict[tuple[str, str], int | None] = {}
        for step in self.steps:
            access = kernels()[step.call.kernel].access
            outputs = {self.root[n] for n in step.accesses("o")}
            for i, operand in enumerate(step.call.operands):
                if not isinstance(operand, str) or access[i] != "i":
                    continue
                source = self.root[operand]
                for output in outputs:
                    if source == output or not {source, output} <= arena:
                        continue
                    distance = lag(step.call.kernel, step.call.layout, dict(step.call.params), i)
                    known = found.get((output, source), distance)
                    found[output, source] = (
                        None if known is None or distance is None else max(known, distance)
                    )
        return [Overlap(o, i, d) for (o, i), d in found.items() if d is not None]

    def _record(self, index: int, step: Step, scratch: int, where: Mapping[str, int]) -> Record:
        call = step.call
        references = [self._reference(operand, where) for operand in call.operands]
        if kernels()[call.kernel].takes_scratch:
            references.append(where[f"%scratch{index}"] if scratch else NONE)
        return Record(
            call.kernel,
            call.layout,
            step.layer,
            tuple(references),
            pack_params(call.kernel, call.params),
            scratch,
        )

    def _reference(self, operand: Operand, where: Mapping[str, int]) -> int:
        if operand is None:
            return NONE
        if isinstance(operand, np.ndarray):
            return self._constant(operand)
        storage = self.root[operand]
        if storage in where:
            return where[storage]
        return self._constant(self.graph.data(storage))

    def _constant(self, array: np.ndarray) -> int:
        offset = self.constants.add(array)
        self._check_capacity("constants", len(self.constants.data))
        return reference(CONSTANTS, offset)

    def _port(self, name: str, where: Mapping[str, int]) -> Port:
        tensor: Tensor = self.graph.tensors[name]
        quantization = tensor.quantization
        if quantization is not None and not quantization.is_per_tensor:
            quantization = None
        return Port(name, tensor.shape, tensor.dtype, self._reference(name, where), quantization)

    def _slot(self, name: str, initial: np.ndarray, states: StateLayout) -> StateSlot:
        offset = states.offsets[self.root[name]]
        byte = fill_byte(initial)
        if byte is not None:
            return StateSlot(offset, initial.nbytes, None, byte)
        return StateSlot(offset, initial.nbytes, self.constants.add(initial))

    def _ready(self, locations: Mapping[str, int]) -> dict[str, int]:
        """After which record each tensor is complete: its last write before anyone reads it."""
        complete = {self.root[n]: -1 for n in self.graph.inputs}
        complete |= {self.root[s.input]: -1 for s in self.graph.states}
        for i, step in enumerate(self.steps):
            for name in step.accesses("o"):
                if name in self.graph.tensors and self.root[name] not in (
                    self.root[s.input] for s in self.graph.states
                ):
                    complete[self.root[name]] = i
        return {n: complete[self.root[n]] for n in locations if self.root[n] in complete}
