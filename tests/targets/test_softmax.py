"""softmax_s8 against TFLM, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import int8_tensor, one_operator
from tests.targets.exact import Draw, accepted, assert_exact, kernel_call
from whit.converter.ir import Graph, Quantization
from whit.runtime.lowering import LoweringError
from whit.runtime.lowering.softmax import exponentials

OUTPUT = Quantization.per_tensor(1 / 256, -128)


def make(shape: tuple[int, ...], scale: float, beta: float = 1.0) -> Graph:
    x = int8_tensor("x", *shape, scale=scale, zero_point=0)
    return one_operator("softmax", [x], quantization=OUTPUT, beta=beta)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1 / 256, 0.02, 0.1, 0.31, 1.0, 3.7, 16.0, 40.0, 1e4])
@pytest.mark.parametrize("beta", [1.0, 0.25, 3.3])
def test_scales(scale: float, beta: float) -> None:
    draw = Draw(0)
    graph = make((6, 37), scale, beta)
    inputs = [draw.data(6, 37) for _ in range(3)]
    inputs += [np.full((6, 37), 127, np.int8), np.linspace(-128, 127, 222).astype(np.int8)]
    assert_exact(graph, [{"x": x.reshape(6, 37)} for x in inputs])


@pytest.mark.parametrize("columns", [1, 2, 3, 12, 100, 511])
def test_lengths(columns: int) -> None:
    draw = Draw(columns)
    graph = make((2, 3, columns), 0.05)
    inputs = [draw.data(2, 3, columns), np.zeros((2, 3, columns), np.int8)]
    assert_exact(graph, [{"x": x} for x in inputs])


@pytest.mark.parametrize("columns", [513, 4096, 70000])
def test_shares_below_half_a_step(columns: int) -> None:
    """Equal shares of a sum at which TFLM stops are the output's lowest value."""
    x = np.zeros((1, columns), np.int8)
    assert (kernel_call(make((1, columns), 0.05), x).run() == -128).all()
    x[0, 7] = 127
    assert kernel_call(make((1, columns), 0.1), x).run().argmax() == 7


def test_table_is_exp() -> None:
    for scale in (0.001, 0.05, 0.1, 2.0):
        table = exponentials(1.0, np.float32(scale)) / 2**31
        exact = np.exp(-np.float32(scale) * np.arange(256))
        np.testing.assert_allclose(table, exact, atol=2e-8 * 8)


def test_in_place() -> None:
    draw = Draw(3)
    call = kernel_call(make((5, 11), 0.1), draw.data(5, 11))
    np.testing.assert_array_equal(call.run_overlapped(0), call.run())


def test_an_output_that_overwrites_input_to_come_stays_inside_the_table() -> None:
    """No plan does this, a hostile program may: values can then exceed their row's maximum."""
    x = np.full((1, 64), -128, np.int8)
    call = kernel_call(make((1, 64), 0.1), x)
    for ahead in (1, 2, 5):
        assert call.run_overlapped(0, closer=ahead).shape == x.shape


def test_validation() -> None:
    call = kernel_call(make((5, 11), 0.1), Draw(3).data(5, 11))
    assert not accepted(call, [
        {"rows": 0}, {"rows": 60}, {"columns": 0}, {"columns": 2**30}, {"rows": 2**16,
         "columns": 2**16},
    ])
    assert not call.valid(arena_bytes=call.end("i", "o") - 1)
    assert not call.valid(constant_bytes=call.end("c") - 1)
    place = call.places[1]
    assert place is not None
    table = call.memory[place[0]].bytes[place[1] : place[1] + 1024].view(np.int32)
    for index, value in ((0, 0), (0, 2**31 - 2), (255, -1)):
        kept, table[index] = table[index].copy(), value
        assert not call.valid(), (index, value)
        table[index] = kept
    assert call.valid()


def test_scale_too_small_for_the_reference() -> None:
    with pytest.raises(LoweringError, match="beta"):
        exponentials(1.0, np.float32(1e-9))
