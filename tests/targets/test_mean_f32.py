"""mean_f32 against float64, long sums included."""

from __future__ import annotations

import numpy as np
import pytest

from tests.targets.harness import Call


def make(
    x: np.ndarray, kept: list[tuple[int, int]], reduced: list[tuple[int, int]], count: int
) -> Call:
    """kept, reduced: (extent, stride) of each level, outermost first."""
    def column(levels: list[tuple[int, int]], index: int, fill: int) -> tuple[int, ...]:
        return (fill,) * (6 - len(levels)) + tuple(level[index] for level in levels)

    params = {
        "kept": column(kept, 0, 1), "kept_strides": column(kept, 1, 0),
        "reduced": column(reduced, 0, 1), "reduced_strides": column(reduced, 1, 0),
    }
    return Call("mean_f32", [x], ((count,), np.float32), params)


def test_axes() -> None:
    x = np.random.default_rng(0).normal(3, 1, (2, 3, 4, 5)).astype(np.float32)
    wide = x.astype(np.float64)
    middle = make(x, [(2, 60), (5, 1)], [(12, 5)], 10).run()
    np.testing.assert_allclose(middle, wide.mean((1, 2)).ravel(), rtol=1e-6)
    outer = make(x, [(3, 20), (5, 1)], [(2, 60), (4, 5)], 15).run()
    np.testing.assert_allclose(outer, wide.mean((0, 2)).ravel(), rtol=1e-6)
    np.testing.assert_allclose(make(x, [], [(120, 1)], 1).run(), [wide.mean()], rtol=1e-6)


def test_long_sums_do_not_drift() -> None:
    x = np.random.default_rng(1).uniform(0.5, 1.5, 300_000).astype(np.float32)
    (mean,) = make(x, [], [(x.size, 1)], 1).run()
    assert abs(mean - x.astype(np.float64).mean()) < 2e-6


@pytest.mark.parametrize(("kept", "reduced"), [
    ([(3, 4)], [(0, 1)]), ([(3, 4)], [(4, 2**20)]), ([(3, 4)], [(4, -1)]),
    ([(2**20, 0)], [(2**10, 0)]), ([(100, 4)], [(4, 1)]),
])
def test_validation(kept: list[tuple[int, int]], reduced: list[tuple[int, int]]) -> None:
    x = np.ones(12, np.float32)
    assert make(x, [(3, 4)], [(4, 1)], 3).valid()
    assert not make(x, kept, reduced, 3).valid()
