"""What a compiled model costs: work, parameters, memory and flash, layer by layer."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from whit.converter.ir import Graph, Node, Quantization, Tensor
from whit.converter.ops import OPERATORS
from whit.runtime.compile import Compiled
from whit.runtime.kernel_table import structs
from whit.runtime.plan import Buffer
from whit.runtime.tape import Port, Program, Record

_CORE_CODE = 600
_KERNEL_CODE = 700
"""Bytes of the executor with compiler support, and of an average portable kernel, as Thumb-2 code
at -O2: for estimates only."""


@dataclass(frozen=True)
class TensorReport:
    """shape, dtype (as numpy names it) and per-tensor quantization of a value."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None = None


@dataclass(frozen=True)
class LayerReport:
    """One node of the compiled graph, or one layer of a program whose graph is not at hand.

    macs: multiply-accumulates of one run. parameters: elements of its constants;
    parameter_bytes: as the model stores them. ram: bytes of arena in use while it runs, what
    waits for later layers included; None for a view, which runs nothing. kernels: those that
    compute it. Of a program without its graph only name, kernels and scratch are known.
    """

    name: str
    op: str | None
    outputs: tuple[TensorReport, ...]
    macs: int | None
    parameters: int | None
    parameter_bytes: int | None
    ram: int | None
    scratch: int
    kernels: tuple[str, ...]


@dataclass(frozen=True)
class FlashEstimate:
    """data: bytes of records, constants and I/O tables; code: a guess at what runs them."""

    data: int
    code: int

    @property
    def total(self) -> int:
        return self.data + self.code


@dataclass(frozen=True)
class Report:
    """A whole model. parameters counts a constant once however many layers share it."""

    name: str
    target: str
    inputs: tuple[TensorReport, ...]
    outputs: tuple[TensorReport, ...]
    layers: tuple[LayerReport, ...]
    macs: int | None
    parameters: int | None
    parameter_bytes: int | None
    arena: int
    state: int
    constants: int
    flash: FlashEstimate


def report(model: Compiled | Program) -> Report:
    """The report of a compiled graph, or what can be said of a program alone."""
    program = model.program if isinstance(model, Compiled) else model
    if isinstance(model, Compiled):
        layers = _graph_layers(model)
        constants = _constants(model.graph, model.graph.nodes)
    else:
        layers = _program_layers(program)
        constants = None
    return Report(
        name=program.name,
        target=program.target,
        inputs=tuple(_describe(port) for port in program.inputs),
        outputs=tuple(_describe(port) for port in program.outputs),
        layers=tuple(layers),
        macs=None if constants is None else sum(layer.macs or 0 for layer in layers),
        parameters=None if constants is None else constants[0],
        parameter_bytes=None if constants is None else constants[1],
        arena=program.arena_bytes,
        state=program.state_bytes,
        constants=len(program.constants),
        flash=estimate_flash(program),
    )


def estimate_flash(program: Program) -> FlashEstimate:
    """Flash a program takes when compiled into firmware, without start-up code and transport."""
    ports = len(program.inputs) + len(program.outputs)
    tables = (
        ports * ctypes.sizeof(structs("whit.h")["whit_io"])
        + len(program.states) * ctypes.sizeof(structs("whit.h")["whit_state"])
    )
    return FlashEstimate(
        data=len(program.record_bytes()) + len(program.constants) + tables,
        code=_CORE_CODE + _KERNEL_CODE * len(program.kernels),
    )


def _describe(value: Tensor | Port) -> TensorReport:
    return TensorReport(value.name, value.shape, value.dtype.value, value.quantization)


@dataclass(frozen=True)
class LayerTime:
    """What one layer took, in the unit of what was measured; share: of the whole run, 0 to 1."""

    name: str
    kernels: tuple[str, ...]
    time: float
    share: float


def layer_times(program: Program, record_times: Sequence[float]) -> list[LayerTime]:
    """Times of layers, in execution order, from those of all records; views take none."""
    total = sum(record_times) or 1.0
    result = []
    for layer, records in sorted(_by_layer(program).items()):
        time = sum(record_times[index] for index, _ in records)
        kernels = _kernel_names(record for _, record in records)
        result.append(LayerTime(program.layers[layer], kernels, time, time / total))
    return result


def _graph_layers(compiled: Compiled) -> list[LayerReport]:
    graph = compiled.graph
    records = _by_layer(compiled.program)
    return [
        _graph_layer(compiled, graph, node, records.get(index, []))
        for index, node in enumerate(graph.nodes)
    ]


def _graph_layer(
    compiled: Compiled, graph: Graph, node: Node, records: list[tuple[int, Record]]
) -> LayerReport:
    inputs = [graph.tensors[name] if name else None for name in node.inputs]
    outputs = [graph.tensors[name] for name in node.outputs]
    parameters, parameter_bytes = _constants(graph, [node])
    return LayerReport(
        name=node.name,
        op=node.op,
        outputs=tuple(_describe(tensor) for tensor in outputs),
        macs=OPERATORS[node.op].macs(node, inputs, outputs),
        parameters=parameters,
        parameter_bytes=parameter_bytes,
        ram=max((_occupied(compiled, index) for index, _ in records), default=None),
        scratch=max((record.scratch_bytes for _, record in records), default=0),
        kernels=_kernel_names(record for _, record in records),
    )


def _program_layers(program: Program) -> list[LayerReport]:
    records = _by_layer(program)
    return [
        LayerReport(
            name=name,
            op=None,
            outputs=(),
            macs=None,
            parameters=None,
            parameter_bytes=None,
            ram=None,
            scratch=max((record.scratch_bytes for _, record in records.get(index, [])), default=0),
            kernels=_kernel_names(record for _, record in records.get(index, [])),
        )
        for index, name in enumerate(program.layers)
    ]


def _by_layer(program: Program) -> dict[int, list[tuple[int, Record]]]:
    """Records with their positions, by layer."""
    layers: dict[int, list[tuple[int, Record]]] = {}
    for index, record in enumerate(program.records):
        layers.setdefault(record.layer, []).append((index, record))
    return layers


def _kernel_names(records: Iterable[Record]) -> tuple[str, ...]:
    """Each kernel once, in order of use; a layout other than the plain one is named."""
    names = (r.kernel if r.layout == 0 else f"{r.kernel}/{r.layout}" for r in records)
    return tuple(dict.fromkeys(names))


def _constants(graph: Graph, nodes: Iterable[Node]) -> tuple[int, int]:
    """Elements and bytes of the constants that nodes read, each counted once."""
    names = dict.fromkeys(name for node in nodes for name in node.inputs if name)
    tensors = [graph.tensors[name] for name in names]
    constant = [tensor for tensor in tensors if tensor.is_constant]
    return sum(t.elements for t in constant), sum(t.bytes for t in constant)


def _occupied(compiled: Compiled, step: int) -> int:
    """Bytes of arena that buffers live at a step cover; overlapping ones count once."""
    return _covered(compiled.plan.live(step), compiled.plan.offsets)


def _covered(buffers: Iterable[Buffer], offsets: dict[str, int]) -> int:
    covered, end = 0, 0
    for start, stop in sorted((offsets[b.name], offsets[b.name] + b.bytes) for b in buffers):
        covered += max(0, stop - max(start, end))
        end = max(end, stop)
    return covered
