"""What the tests share: where the real models lie, and graphs of one operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from whit.converter.build import add_node
from whit.converter.ir import DType, Graph, Quantization, Tensor

CHECKOUT = Path(__file__).resolve().parents[1]
_SHARED = CHECKOUT.parent / "shared"
SHARED: Path | None = _SHARED if (_SHARED / "models").is_dir() else None
"""Folder of real models and data beside the checkout; None where there is none."""


def model_files(pattern: str = "*.tflite") -> list[Path]:
    """Real model files in SHARED, none without it."""
    return sorted((SHARED / "models").glob(pattern)) if SHARED else []


def wake_word_files() -> list[Path]:
    """The streaming models that the package pymicro-wakeword ships, none without it."""
    try:
        import pymicro_wakeword
    except ImportError:
        return []
    return sorted((Path(pymicro_wakeword.__file__).parent / "models").glob("*.tflite"))


def float_tensor(name: str, *shape: int) -> Tensor:
    return Tensor(name, shape, DType.FLOAT32)


def int8_tensor(name: str, *shape: int, scale: float = 0.05, zero_point: int = 3) -> Tensor:
    return Tensor(name, shape, DType.INT8, None, Quantization.per_tensor(scale, zero_point))


def constant(name: str, data: Any, quantization: Quantization | None = None) -> Tensor:
    array = np.asarray(data)
    return Tensor(name, tuple(array.shape), DType.of(array), array, quantization)


def one_operator(
    op: str,
    inputs: Sequence[Tensor | None],
    *,
    outputs: int = 1,
    quantization: Quantization | Sequence[Quantization | None] | None = None,
    **attributes: Any,
) -> Graph:
    """A graph of one node: constants among `inputs` stay constant, the others are its inputs.

    The node is called `op` and its outputs "output", or "output_0" and so on.
    """
    graph = Graph(op)
    for tensor in inputs:
        if tensor is not None and tensor.name not in graph.tensors:
            graph.add(tensor)
            if not tensor.is_constant:
                graph.inputs.append(tensor.name)
    names = [t.name if t is not None else "" for t in inputs]
    graph.outputs = ["output"] if outputs == 1 else [f"output_{i}" for i in range(outputs)]
    add_node(graph, op, op, names, graph.outputs, quantization, **attributes)
    return graph


def noise(graph: Graph, seed: int = 0, count: int | None = None) -> list[dict[str, np.ndarray]]:
    """`count` (default 1) random inputs: uniform over a type's range, normal for float32."""
    random = np.random.default_rng(seed)
    return [
        {name: _noise(random, graph.tensors[name]) for name in graph.inputs}
        for _ in range(count or 1)
    ]


def _noise(random: np.random.Generator, tensor: Tensor) -> np.ndarray:
    if tensor.dtype is DType.FLOAT32:
        return random.normal(0.0, 2.0, tensor.shape).astype(np.float32)
    if tensor.dtype is DType.BOOL:
        return random.integers(0, 2, tensor.shape).astype(bool)
    info = np.iinfo(tensor.dtype.numpy)
    return random.integers(
        max(info.min, -(2**15)), min(info.max, 2**15 - 1), tensor.shape, tensor.dtype.numpy, True
    )


def as_mapping(
    inputs: Mapping[str, np.ndarray] | Sequence[np.ndarray] | np.ndarray, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Inputs by name, from a mapping, a list in the model's order, or the only array."""
    if isinstance(inputs, Mapping):
        return dict(inputs)
    arrays = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
    return dict(zip(names, arrays, strict=True))
