"""Writes a graph as an ordinary .tflite file: `export(graph) -> bytes`.

Float32 and int8 graphs; the file holds builtin operators only, which LiteRT and TFLM run. The
format is TFLite's schema, version 3 (tensorflow/lite/schema/schema.fbs).
"""

from __future__ import annotations

from whit.converter.errors import Refusal, RefusedError, UnsupportedError
from whit.converter.exporters.tflite.emitter import Emitter
from whit.converter.exporters.tflite.model_file import ModelFile
from whit.converter.exporters.tflite.operators import CONVERSIONS
from whit.converter.ir import Graph, State, Tensor


def export(graph: Graph) -> bytes:
    """The bytes of a .tflite file that computes `graph`; tensors keep their names.

    Raises UnsupportedError with every node that TFLite cannot express.
    """
    file = ModelFile("whit")
    main = Emitter(graph, file)
    main.subgraph.inputs = [main.tensor(name) for name in graph.inputs]
    handles = _read_states(main, graph.states)
    refusals = []
    for node in graph.nodes:
        try:
            if node.op not in CONVERSIONS:
                raise RefusedError("TFLite has no such operator", "rewrite it before the export")
            CONVERSIONS[node.op](main, node)
        except RefusedError as refused:
            refusals.append(refused.of(node.name, node.op))
    if refusals:
        raise UnsupportedError(graph.source or graph.name, refusals)
    for handle, state in zip(handles, graph.states, strict=True):
        main.emit("ASSIGN_VARIABLE", [handle, main.tensor(state.output)], [],
                  "AssignVariableOptions")
    main.subgraph.outputs = [main.tensor(name) for name in graph.outputs]
    if graph.states:
        _initialize_states(Emitter(Graph("initialize"), file, "initialize"), graph)
    return file.serialize()


def _read_states(main: Emitter, states: list[State]) -> list[int]:
    """Variables initialized once and read before anything else; returns their handles."""
    if states:
        main.emit("CALL_ONCE", [], [], "CallOnceOptions", InitSubgraphIndex=1)
    handles = [_handle(main, state) for state in states]
    for handle, state in zip(handles, states, strict=True):
        main.emit("READ_VARIABLE", [handle], [main.tensor(state.input)], "ReadVariableOptions")
    return handles


def _initialize_states(to: Emitter, graph: Graph) -> None:
    for state in graph.states:
        like = graph.tensors[state.input]
        initial = to.record(Tensor(
            f"{state.input}_initial", like.shape, like.dtype,
            state.initial.astype(like.dtype.numpy), like.quantization,
        ))
        to.emit("ASSIGN_VARIABLE", [_handle(to, state), initial], [], "AssignVariableOptions")


def _handle(to: Emitter, state: State) -> int:
    handle = to.resource(f"{state.input}_handle")
    to.emit("VAR_HANDLE", [], [handle], "VarHandleOptions", Container="", SharedName=state.input)
    return handle
