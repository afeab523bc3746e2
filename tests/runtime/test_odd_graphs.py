"""Graphs at the edges of what a graph may be, plain and optimized, against numpy.

Memory is poisoned before every run, so that nothing can come from the run before but by a state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

import whit
from tests.support import constant, noise
from tests.tflite_files import evaluate
from whit.converter.build import add_node
from whit.converter.check import check
from whit.converter.ir import DType, Graph, Quantization, State, Tensor

Q = Quantization.per_tensor(1.0, 0)
SHAPE = (2, 3)


class Odd:
    """A graph of tensors of SHAPE, built by name."""

    def __init__(self, dtype: DType, *inputs: str):
        self.dtype = dtype
        self.quantization = Q if dtype is DType.INT8 else None
        self.graph = Graph("odd")
        for name in inputs:
            self.tensor(name)
            self.graph.inputs.append(name)

    def tensor(self, name: str) -> None:
        self.graph.add(Tensor(name, SHAPE, self.dtype, None, self.quantization))

    def constant(self, name: str, start: int) -> None:
        data = np.arange(start, start + 6, dtype=self.dtype.numpy).reshape(SHAPE)
        self.graph.add(constant(name, data, self.quantization))

    def state(self, old: str, new: str, start: int) -> None:
        """Declares `old`; `new` may still be to come."""
        self.tensor(old)
        initial = np.arange(start, start + 6, dtype=self.dtype.numpy).reshape(SHAPE)
        self.graph.states.append(State(old, new, initial))

    def op(self, op: str, to: str, *inputs: str, **attributes: object) -> None:
        add_node(self.graph, op, f"{to}_node", inputs, [to], self.quantization, **attributes)

    def clip(self, to: str, x: str) -> None:
        """An operator that may run in place."""
        self.op("clip", to, x, min=-50.0, max=50.0)

    def reverse(self, to: str, x: str) -> None:
        """An operator that may not run in place."""
        self.op("slice", to, x, begin=(1, 2), size=SHAPE, step=(-1, -1))

    def same(self, to: str, x: str) -> None:
        """A view."""
        self.op("reshape", to, x, shape=SHAPE)

    def outputs(self, *names: str) -> Graph:
        self.graph.outputs = list(names)
        return check(self.graph)


def no_nodes(dtype: DType) -> Graph:
    return Odd(dtype, "x").outputs("x")


def two_inputs_no_nodes(dtype: DType) -> Graph:
    return Odd(dtype, "x", "y").outputs("y", "x")


def no_inputs(dtype: DType) -> Graph:
    odd = Odd(dtype)
    odd.constant("c", 3)
    odd.reverse("r", "c")
    return odd.outputs("r")


def a_counter_without_inputs(dtype: DType) -> Graph:
    odd = Odd(dtype)
    odd.constant("one", 1)
    odd.state("n", "next", 0)
    odd.op("sub", "next", "n", "one")
    return odd.outputs("next")


def constant_outputs(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.constant("c", 3)
    odd.same("view", "c")
    odd.reverse("r", "x")
    return odd.outputs("c", "view", "r", "x")


def unused_inputs(dtype: DType) -> Graph:
    odd = Odd(dtype, "unused", "x", "late")
    odd.reverse("a", "x")
    odd.reverse("b", "a")
    odd.op("sub", "c", "b", "a")
    return odd.outputs("c")


def one_tensor_as_two_outputs(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.reverse("r", "x")
    odd.same("view", "r")
    return odd.outputs("r", "view", "r")


def views_of_an_input(dtype: DType) -> Graph:
    """In-place operators may not touch what an output still shows."""
    odd = Odd(dtype, "x")
    odd.same("view", "x")
    odd.clip("y", "view")
    odd.same("again", "view")
    return odd.outputs("y", "again", "x")


def output_read_later(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.clip("a", "x")
    odd.op("sub", "b", "a", "x")
    odd.op("sub", "c", "b", "a")
    return odd.outputs("a", "c")


def operand_twice(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.op("sub", "zero", "x", "x")
    odd.op("concat", "both", "zero", "x", "x", axis=0)
    return odd.outputs("both")


def dead_ends(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.clip("dead", "x")
    odd.reverse("deader", "dead")
    odd.clip("y", "x")
    return odd.outputs("y")


def swapped_states(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.state("a", "b", 0)
    odd.state("b", "a", 10)
    odd.op("sub", "y", "a", "x")
    return odd.outputs("y")


def rotated_states(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.state("a", "b", 0)
    odd.state("b", "c", 10)
    odd.state("c", "x", 20)
    odd.op("sub", "y", "a", "b")
    return odd.outputs("y", "c")


def swapped_through_views(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.state("a", "b_view", 0)
    odd.state("b", "a_view", 10)
    odd.same("a_view", "a")
    odd.same("b_view", "b")
    odd.op("sub", "y", "a_view", "x")
    return odd.outputs("y", "b")


def state_read_after_its_update(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.state("old", "new", 5)
    odd.op("sub", "new", "x", "old")
    odd.op("sub", "change", "new", "old")
    return odd.outputs("change")


def state_updated_in_place_at_its_last_read(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.state("old", "new", 5)
    odd.reverse("new", "old")
    odd.op("sub", "y", "new", "x")
    return odd.outputs("y")


def state_view_read_after_its_update(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.state("old", "new", 5)
    odd.same("view", "old")
    odd.clip("new", "x")
    odd.op("sub", "y", "new", "view")
    return odd.outputs("y")


def state_and_its_update_as_outputs(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.state("old", "new", 5)
    odd.op("sub", "new", "x", "old")
    return odd.outputs("old", "new")


def view_of_a_state_as_output(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.state("old", "new", 5)
    odd.same("view", "old")
    odd.reverse("new", "x")
    return odd.outputs("view")


def two_states_of_one_update(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.state("a", "new", 0)
    odd.state("b", "new", 10)
    odd.op("sub", "new", "x", "a")
    odd.op("sub", "y", "new", "b")
    return odd.outputs("y")


def update_is_another_ones_old_value_and_an_output(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.state("older", "old", 0)
    odd.state("old", "y", 10)
    odd.op("sub", "y", "x", "older")
    return odd.outputs("y", "old", "older")


def state_that_keeps_itself(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.state("a", "a", 7)
    odd.op("sub", "y", "x", "a")
    return odd.outputs("y", "a")


def state_of_a_constant(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.constant("c", 3)
    odd.state("a", "c", 7)
    odd.op("sub", "y", "x", "a")
    return odd.outputs("y")


def state_of_an_input_read_before_and_after(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.state("before", "x", 7)
    odd.op("sub", "y", "x", "before")
    odd.clip("z", "x")
    odd.op("sub", "w", "z", "before")
    return odd.outputs("y", "w", "before")


def state_never_read(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.state("a", "y", 7)
    odd.reverse("y", "x")
    odd.clip("z", "y")
    return odd.outputs("z")


def update_written_in_parts(dtype: DType) -> Graph:
    """concat writes its output piece by piece, while the old value is still among the pieces."""
    odd = Odd(dtype, "x")
    odd.state("old", "new", 5)
    odd.op("slice", "tail", "old", begin=(1, 0), size=(1, 3), step=(1, 1))
    odd.op("slice", "head", "x", begin=(0, 0), size=(1, 3), step=(1, 1))
    odd.op("concat", "new", "tail", "head", axis=0)
    return odd.outputs("new")


def update_of_pieces_of_itself(dtype: DType) -> Graph:
    odd = Odd(dtype, "x")
    odd.state("old", "new", 5)
    odd.op("concat", "both", "x", "old", axis=0)
    odd.op("slice", "new", "both", begin=(1, 0), size=SHAPE, step=(2, 1))
    odd.op("sub", "y", "old", "new")
    return odd.outputs("y", "both")


GRAPHS: Sequence[Callable[[DType], Graph]] = (
    no_nodes, two_inputs_no_nodes, no_inputs, a_counter_without_inputs, constant_outputs,
    unused_inputs, one_tensor_as_two_outputs, views_of_an_input, output_read_later, operand_twice,
    dead_ends, swapped_states, rotated_states, swapped_through_views, state_read_after_its_update,
    state_updated_in_place_at_its_last_read, state_view_read_after_its_update,
    state_and_its_update_as_outputs, view_of_a_state_as_output, two_states_of_one_update,
    update_is_another_ones_old_value_and_an_output, state_that_keeps_itself, state_of_a_constant,
    state_of_an_input_read_before_and_after, state_never_read, update_written_in_parts,
    update_of_pieces_of_itself,
)


@pytest.mark.parametrize("optimize", [False, True], ids=["plain", "optimized"])
@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.INT8])
@pytest.mark.parametrize("make", GRAPHS)
def test_gives_what_numpy_says(
    make: Callable[[DType], Graph], dtype: DType, optimize: bool
) -> None:
    graph = make(dtype)
    inputs = noise(graph, seed=3, count=5)
    if dtype is DType.INT8:  # differences of differences stay within int8
        inputs = [{name: array // 32 for name, array in given.items()} for given in inputs]
    session = whit.Session(graph, optimize=optimize)
    wanted = evaluate(graph, inputs)
    for _ in range(2):
        for given, expected in zip(inputs, wanted, strict=True):
            session.machine.arena[:] = 0xAA
            results = session.run(given)
            assert list(results) == list(dict.fromkeys(graph.outputs))
            for name, array in results.items():
                np.testing.assert_array_equal(array, expected[name], name)
        session.reset()
