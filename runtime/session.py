"""Session: a model on the desktop, numpy in and numpy out.

The desktop run is the device run: the same program, kernels and arithmetic.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from whit.converter.errors import InputError
from whit.converter.importers import load
from whit.converter.ir import Graph
from whit.runtime.compile import Compiled, compile_with_details
from whit.runtime.library import Machine
from whit.runtime.tape import MAGIC, Port, Program


class Session:
    """Run a model: a path to any importable model or `.whit` file, a `Graph`, or a `Program`.

    State of a streaming model carries over from one run to the next until `reset`.
    optimize: whether graphs are optimized before compilation; programs are run as they are.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Graph | Program | Compiled,
        optimize: bool = True,
        target: str = "host",
    ):
        if not isinstance(model, (str, os.PathLike, Graph, Compiled, Program)):
            raise InputError(f"a session takes a path, a graph or a program, not {type(model)}")
        self.compiled: Compiled | None = None
        source = "program"
        if isinstance(model, (str, os.PathLike)):
            source = os.fspath(model)
            program = read_program(model)
            model = program if program is not None else load(model)
        if isinstance(model, Graph):
            source = model.source or model.name
            model = compile_with_details(model, target, optimize)
        if isinstance(model, Compiled):
            self.compiled, model = model, model.program
        self.program: Program = model
        self.machine = Machine(self.program.to_bytes(), source)
        self._inputs = [self._bound(port) for port in self.program.inputs]
        self._outputs = [self._bound(port) for port in self.program.outputs]

    def __repr__(self) -> str:
        ports = (
            ", ".join(f"{p.name} {p.dtype.value}{list(p.shape)}" for p in side)
            for side in (self.inputs, self.outputs)
        )
        return f"Session({self.program.target}: {' -> '.join(ports)})"

    @property
    def inputs(self) -> list[Port]:
        return self.program.inputs

    @property
    def outputs(self) -> list[Port]:
        return self.program.outputs

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name for `inputs` by name, each of the declared shape and type.

        Raises InputError naming the input that is missing, unknown or of the wrong shape or type.
        """
        self._feed(inputs)
        self.machine.run()
        return self._collect()

    def run_with_taps(
        self, inputs: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Outputs, and every tensor computed on the way, by name; needs a graph, not a `.whit`."""
        if self.compiled is None:
            raise InputError("taps need the model's graph; a .whit program does not carry it")
        self._feed(inputs)
        due: dict[int, list[str]] = {}
        for name, record in self.compiled.ready.items():
            due.setdefault(record, []).append(name)
        taps = {name: self._tensor(name) for name in due.get(-1, [])}
        for record in self.machine.steps():
            for name in due.get(record, []):
                taps[name] = self._tensor(name)
        return self._collect(), taps

    def reset(self) -> None:
        """Put the state of a streaming model back to its initial value."""
        self.machine.reset()

    def _bound(self, port: Port) -> np.ndarray:
        raw = self.machine.view(port.reference, port.bytes)
        return raw.view(port.dtype.numpy).reshape(port.shape)

    def _feed(self, inputs: Mapping[str, np.ndarray]) -> None:
        check_inputs(self.inputs, inputs)
        for port, memory in zip(self.inputs, self._inputs, strict=True):
            memory[...] = inputs[port.name]

    def _collect(self) -> dict[str, np.ndarray]:
        return {
            port.name: memory.copy()
            for port, memory in zip(self.outputs, self._outputs, strict=True)
        }

    def _tensor(self, name: str) -> np.ndarray:
        assert self.compiled is not None
        tensor = self.compiled.graph.tensors[name]
        raw = self.machine.view(self.compiled.locations[name], tensor.bytes)
        return raw.view(tensor.dtype.numpy).reshape(tensor.shape).copy()


def check_inputs(ports: list[Port], inputs: Mapping[str, np.ndarray]) -> None:
    """Raise InputError unless `inputs` has exactly the arrays that `ports` declare."""
    names = [port.name for port in ports]
    if not isinstance(inputs, Mapping):
        raise InputError(f"inputs are given by name, as {{{names[0]!r}: array}}")
    for name in inputs:
        if name not in names:
            raise InputError(f"the model has no input '{name}'; it has {', '.join(names)}")
    for port in ports:
        if port.name not in inputs:
            raise InputError(f"input '{port.name}' is missing")
        array = np.asarray(inputs[port.name])
        if tuple(array.shape) != port.shape or array.dtype != port.dtype.numpy:
            hint = ""
            if port.quantization is not None and array.dtype.kind == "f":
                hint = (
                    f"; quantize it first: round(x / {port.quantization.scale[0]:.9g}) "
                    f"+ {port.quantization.zero_point[0]}, clipped to {port.dtype.value}"
                )
            raise InputError(
                f"input '{port.name}' is {array.dtype}{list(array.shape)}, "
                f"expected {port.dtype.value}{list(port.shape)}{hint}"
            )


def read_program(path: str | os.PathLike[str]) -> Program | None:
    """The program in a `.whit` file, or None where the file is something else.

    Raises InputError when the file cannot be read, ModelError when it is a damaged program.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{os.fspath(path)}: {error.strerror or error}") from error
    if data[:4] != MAGIC:
        return None
    return Program.from_bytes(data, os.fspath(path))
