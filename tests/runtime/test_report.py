"""The report of a compiled model, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.small_graphs import Builder, float_network
from tests.support import float_tensor
from whit.converter.ir import Graph
from whit.runtime.compile import compile_with_details
from whit.runtime.report import report


def shared_weights() -> Graph:
    """Two fully connected layers of the same 8x8 weights with a view between them."""
    b = Builder("shared")
    x = b.input(float_tensor("x", 2, 8))
    w, bias = b.floats("w", 8, 8), b.floats("b", 8)
    y = b.op("fully_connected", [x, w, bias])
    y = b.op("reshape", [y], shape=(1, 2, 8))
    b.graph.outputs = [b.op("fully_connected", [y, w, bias])]
    return b.graph


def test_constants_shared_by_layers_count_once() -> None:
    summary = report(compile_with_details(shared_weights(), optimize=False))
    first, view, second = summary.layers
    assert (first.parameters, first.parameter_bytes) == (72, 288)
    assert second.parameters == 72
    assert (summary.parameters, summary.parameter_bytes) == (72, 288)
    assert first.macs == second.macs == 2 * 8 * 8
    assert summary.macs == 256
    assert summary.constants >= 288
    assert (view.kernels, view.ram, view.scratch) == ((), None, 0)


def test_ram_by_step_counts_what_is_live() -> None:
    """x waits for the last concat, and outputs stay to the end."""
    b = Builder("waiting")
    x = b.input(float_tensor("x", 1, 64))
    double = b.op("concat", [x, x], axis=1)
    middle = b.op("slice", [double], begin=(0, 32), size=(1, 64), step=(1, 1))
    b.graph.outputs = [double, middle, b.op("concat", [x, middle], axis=1)]
    concat, cut, joined = report(compile_with_details(b.graph, optimize=False)).layers
    assert concat.ram == (64 + 128) * 4
    assert cut.ram == (64 + 128 + 64) * 4
    # Its result may lie over x, which is read for the last time.
    outputs = 128 + 64 + 128
    assert joined.ram is not None
    assert outputs * 4 <= joined.ram <= (outputs + 64) * 4


@pytest.mark.parametrize("target", ["host", "cortex-m4"])
def test_no_step_uses_more_than_the_arena(target: str) -> None:
    compiled = compile_with_details(float_network(), target)
    summary = report(compiled)
    steps = [layer.ram for layer in summary.layers if layer.ram is not None]
    assert max(steps) <= summary.arena == compiled.program.arena_bytes
    assert summary.target == target


def test_a_program_alone_knows_layers_and_kernels_only() -> None:
    compiled = compile_with_details(shared_weights(), optimize=False)
    whole, alone = report(compiled), report(compiled.program)
    assert [layer.name for layer in alone.layers] == [layer.name for layer in whole.layers]
    assert [layer.kernels for layer in alone.layers] == [layer.kernels for layer in whole.layers]
    assert alone.macs is alone.parameters is None
    assert alone.flash == whole.flash
    # Weights and biases are the bulk of it; a whole .whit file holds names and a header besides.
    assert 288 < alone.flash.data < len(compiled.program.to_bytes())


def test_interface_is_described() -> None:
    (port,) = report(compile_with_details(shared_weights())).inputs
    assert (port.name, port.shape, port.dtype) == ("x", (2, 8), np.dtype("float32").name)
