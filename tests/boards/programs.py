"""Small programs made by hand, so that boards are tested without the compiler, and what they do."""

from __future__ import annotations

import numpy as np

from whit.converter.ir import DType, Quantization
from whit.runtime.kernel_table import pack_params
from whit.runtime.tape import (
    ARENA,
    CONSTANTS,
    STATE,
    Port,
    Program,
    Record,
    StateSlot,
    reference,
)

REAL = Quantization.per_tensor(0.1, 3)


def _copy(count: int, source: int, to: int, layer: int) -> Record:
    params = pack_params(
        "copy_any",
        {
            "element_bytes": 1,
            "rank": 1,
            "dims": (count,),
            "x_strides": (1,),
            "y_strides": (1,),
        },
    )
    return Record("copy_any", 0, layer, (source, to), params)


def delay_line(count: int = 16) -> Program:
    """Streaming: `y` is what `x` was one run before, each byte looked up in the table (v + 7)
    modulo 256; at first `x` was all 5. Names are hard to put into C on purpose."""
    table = np.roll(np.arange(256), -7).astype(np.uint8).tobytes()
    lookup = Record(
        "lookup_x8",
        0,
        0,
        (reference(STATE, 0), reference(CONSTANTS, 0), reference(ARENA, count)),
        pack_params("lookup_x8", {"count": count}),
    )
    return Program(
        name='delay */ "line\\',
        target="cortex-m4",
        records=[lookup, _copy(count, reference(ARENA, 0), reference(STATE, 0), 1)],
        constants=table,
        inputs=[Port("x", (1, count), DType.INT8, reference(ARENA, 0), REAL)],
        outputs=[Port('y "?\\é\n9', (1, count), DType.INT8, reference(ARENA, count), REAL)],
        states=[StateSlot(0, count, None, 5)],
        arena_bytes=2 * count,
        state_bytes=count,
        layers=["look /* up", "remember */"],
    )


def delay_line_outputs(inputs: list[np.ndarray]) -> list[np.ndarray]:
    before = [np.full_like(inputs[0], 5), *inputs[:-1]]
    return [(x.view(np.uint8) + np.uint8(7)).view(np.int8) for x in before]


def scaled(count: int = 10) -> Program:
    """Stateless, float: `real` = 0.1 * (`stored` - 3)."""
    params = pack_params(
        "dequantize_x8_f32",
        {"count": count, "scale": float(REAL.scale[0]), "zero_point": 3, "is_unsigned": 0},
    )
    start = -(-count // 8) * 8
    operands = (reference(ARENA, 0), reference(ARENA, start))
    record = Record("dequantize_x8_f32", 0, 0, operands, params)
    return Program(
        name="scaled",
        target="cortex-m4",
        records=[record],
        constants=b"",
        inputs=[Port("stored", (count,), DType.INT8, reference(ARENA, 0), REAL)],
        outputs=[Port("real", (count,), DType.FLOAT32, reference(ARENA, start))],
        states=[],
        arena_bytes=start + 4 * count,
        state_bytes=0,
        layers=["dequantize"],
    )


def scaled_outputs(stored: np.ndarray) -> np.ndarray:
    return (stored.astype(np.float32) - np.float32(3)) * np.float32(0.1)


def noise(program: Program, seed: int, count: int) -> list[np.ndarray]:
    """Arrays for the program's one input, of int8."""
    random = np.random.default_rng(seed)
    shape = program.inputs[0].shape
    return [random.integers(-128, 128, shape, np.int8) for _ in range(count)]
