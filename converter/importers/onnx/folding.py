"""Constant folding of ONNX nodes: shape arithmetic and whatever else has constant inputs only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import onnx.reference

from whit.converter.errors import RefusedError

_MOST_ELEMENTS = 1 << 26
_RANDOM = frozenset({
    "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial",
    "Bernoulli",
})
_REMEDY = "compute it when exporting the model, or simplify the model (for example with onnxsim)"


def foldable(proto: onnx.NodeProto) -> bool:
    inner = any(a.HasField("g") or a.graphs for a in proto.attribute)
    return proto.domain in ("", "ai.onnx") and proto.op_type not in _RANDOM and not inner


def _elements(op: str, inputs: Sequence[np.ndarray | None]) -> float:
    """Roughly how many elements the result has, for operators whose inputs say so."""
    first = inputs[0] if inputs else None
    second = inputs[1] if len(inputs) > 1 else None
    if op == "ConstantOfShape" and first is not None:
        return float(np.prod(first.astype(np.float64)))
    if op in ("Expand", "Tile") and first is not None and second is not None:
        return float(np.prod(np.maximum(second, 1).astype(np.float64))) * first.size
    if op == "Range" and all(i is not None for i in inputs):
        start, limit, delta = (float(np.asarray(i).reshape(-1)[0]) for i in inputs)
        return abs((limit - start) / delta) if delta else 0.0
    if op == "Pad" and first is not None and second is not None:
        return float(np.prod(np.abs(second.astype(np.float64)) + max(first.shape, default=1)))
    if op in ("Resize", "Upsample", "OneHot", "CenterCropPad", "EyeLike"):
        return float("inf")
    return 0.0


def fold(
    proto: onnx.NodeProto, inputs: Sequence[np.ndarray | None], opset: int
) -> list[np.ndarray]:
    """The outputs of a node by ONNX's reference implementation; RefusedError where it has none."""
    if _elements(proto.op_type, inputs) > _MOST_ELEMENTS:
        raise RefusedError("its constant result is too large to compute at import", _REMEDY)
    feeds = {
        name: array for name, array in zip(proto.input, inputs, strict=True) if array is not None
    }
    graph = onnx.helper.make_graph(
        [proto],
        "fold",
        [onnx.helper.make_empty_tensor_value_info(name) for name in feeds],
        [onnx.helper.make_empty_tensor_value_info(name) for name in proto.output if name],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8
    )
    try:
        with np.errstate(all="ignore"):
            results = onnx.reference.ReferenceEvaluator(model).run(None, feeds)
    # The reference implementation raises whatever numpy and its own checks raise.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise RefusedError(f"cannot be computed at import ({reason})", _REMEDY) from error
    by_name = dict(zip((name for name in proto.output if name), results, strict=True))
    return [np.asarray(by_name[name]) if name else np.zeros(0) for name in proto.output]
