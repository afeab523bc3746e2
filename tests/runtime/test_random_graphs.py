"""Random int8 graphs against TFLM, bit for bit: every tensor of the plain program, every output of
the optimized one, on memory poisoned before each run."""

from __future__ import annotations

import numpy as np
import pytest

import whit
from tests.oracles import Tflm
from tests.random_graphs import random_graph
from tests.support import noise
from whit.converter.exporters import tflite

SEEDS = 96
RUNS = 3


@pytest.mark.parametrize("batch", range(8))
def test_tflms_bits(batch: int) -> None:
    compared = 0
    for seed in range(batch, SEEDS, 8):
        graph = random_graph(seed)
        inputs = noise(graph, seed, RUNS)
        theirs = Tflm(tflite.export(graph), all_tensors=True)
        wanted = [theirs.run(given) for given in inputs]
        for optimize in (False, True):
            session = whit.Session(graph, optimize=optimize)
            for poison in (0xAA, 0x55):  # the second time after a reset: states start afresh
                for given, expected in zip(inputs, wanted, strict=True):
                    session.machine.arena[:] = poison
                    results = session.run(given) if optimize else _all_tensors(session, given)
                    for name, array in results.items():
                        if name in expected:
                            np.testing.assert_array_equal(
                                array.ravel(), expected[name].ravel(),
                                f"seed {seed}, optimize {optimize}, tensor '{name}'")
                            compared += 1
                session.reset()
    assert compared > 20 * SEEDS // 8 * RUNS


def _all_tensors(session: whit.Session, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    results, taps = session.run_with_taps(given)
    return {**taps, **results}
