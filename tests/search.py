"""A search for inputs that make a confident classifier change its mind.

Noise gives a trained classifier one answer over and over; a comparison on such inputs compares
little. This climbs: smooth bumps are added to the input where they raise the outputs that are
lowest, and the inputs met on the way, which cross from one answer to the other, are the ones to
keep.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

MOST_TARGETS = 12
Run = Callable[[np.ndarray], list[np.ndarray]]
"""Outputs of one input, or of each step of a stream (axis 0)."""


def bump(random: np.random.Generator, shape: tuple[int, ...], height: float) -> np.ndarray:
    """A separable Gaussian of random centre and width along every axis longer than 4."""
    result = np.full(shape, random.normal(0, height))
    for axis, extent in enumerate(shape):
        if extent > 4:
            width = extent * 10 ** random.uniform(-1.5, -0.3)
            centre = random.uniform(0, extent)
            along = np.exp(-(((np.arange(extent) - centre) / width) ** 2))
            result *= along.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return result


def fitness(outputs: list[np.ndarray], target: int) -> float:
    """How high output `target` gets, at the best third of its steps."""
    best = sorted(float(o.reshape(-1)[target]) for o in outputs)[-(len(outputs) // 3 + 1) :]
    return sum(best) / len(best)


def distance(value: float, wanted: float | None) -> float:
    """How far from what is wanted: as much as possible where that is None."""
    return -value if wanted is None else abs(value - wanted)


def varied_inputs(
    run: Run, shape: tuple[int, ...], count: int, *, rounds: int = 300, seed: int = 0
) -> list[np.ndarray]:
    """Up to `count` int8 inputs of `shape` that together show as many distinct outputs as found.

    The search climbs once towards each output in turn (the first MOST_TARGETS), `rounds`
    evaluations in all.
    """
    random = np.random.default_rng(seed)
    met: list[tuple[set[bytes], np.ndarray]] = []
    seen: set[bytes] = set()

    def evaluate(candidate: np.ndarray, target: int) -> tuple[float, bool]:
        """Fitness, and whether outputs appeared that no earlier candidate gave."""
        stored = candidate.astype(np.int8)
        outputs = run(stored)
        found = {o.tobytes() for o in outputs}
        met.append((found, stored))
        new = not found <= seen
        seen.update(found)
        return fitness(outputs, target), new

    classes = min(run(np.zeros(shape, np.int8))[0].size, MOST_TARGETS)
    for target in range(classes):
        starts = [
            np.clip(
                sum(abs(bump(random, shape, 150)) for _ in range(15))
                + random.normal(-level, 10, shape),
                -128,
                127,
            )
            for level in range(0, 150, 10)
        ]
        scores = [evaluate(start, target)[0] for start in starts]
        best, score = starts[int(np.argmax(scores))], max(scores)
        wanted: float | None = None
        for turn in range(rounds // classes):
            if turn > rounds // classes // 3 and turn % 15 == 0:
                # Between refusal and acceptance lie all degrees of doubt: visit them.
                wanted = random.uniform(min(scores), max(scores))
            candidate = np.clip(np.round(best + bump(random, shape, 70)), -128, 127)
            value, new = evaluate(candidate, target)
            if new or distance(value, wanted) <= distance(score, wanted):
                best, score = candidate, value
                scores.append(value)
    return cover(met, count)


def cover(met: list[tuple[set[bytes], np.ndarray]], count: int) -> list[np.ndarray]:
    """Greedy set cover: the inputs that add most outputs not seen yet."""
    seen: set[bytes] = set()
    chosen: list[np.ndarray] = []
    while len(chosen) < count:
        outputs, candidate = max(met, key=lambda pair: len(pair[0] - seen))
        if not outputs - seen:
            break
        seen |= outputs
        chosen.append(candidate)
    return chosen
