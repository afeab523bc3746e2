"""Timing several contestants fairly: in turns, so that a disturbance hits all of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter

BATCH_SECONDS = 0.002
"""A turn repeats a fast model until it lasts this long: the clock's own noise then vanishes."""


@dataclass(frozen=True)
class Times:
    """Seconds per run: one value a turn, each the mean of `batch` runs."""

    seconds: tuple[float, ...]
    batch: int

    @property
    def minimum(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def take_turns(
    contestants: Sequence[Callable[[], object]],
    turns: int,
    after_turn: Callable[[int], None] = lambda _: None,
) -> list[Times]:
    """Time each contestant `turns` times, all of them in every round; warm-up is not counted."""
    batches = [_batch(contestant) for contestant in contestants]
    seconds: list[list[float]] = [[] for _ in contestants]
    for _ in range(turns):
        for contestant, batch, taken in zip(contestants, batches, seconds, strict=True):
            taken.append(_time(contestant, batch))
        after_turn(1)
    return [Times(tuple(t), b) for t, b in zip(seconds, batches, strict=True)]


def least_times(steps: Callable[[], Iterable[object]], runs: int) -> list[float]:
    """Seconds of each step of something that runs step by step: the least of `runs` runs."""
    best: list[float] = []
    for _ in range(runs):
        taken = []
        start = perf_counter()
        for _step in steps():
            taken.append(perf_counter() - start)
            start = perf_counter()
        best = [min(pair) for pair in zip(best, taken, strict=True)] if best else taken
    return best


def _batch(contestant: Callable[[], object]) -> int:
    """Runs that fill a turn; measuring this is the warm-up."""
    _time(contestant, 1)
    once = _time(contestant, 1)
    return max(1, round(BATCH_SECONDS / max(once, 1e-9))) if once < BATCH_SECONDS else 1


def _time(contestant: Callable[[], object], runs: int) -> float:
    start = perf_counter()
    for _ in range(runs):
        contestant()
    return (perf_counter() - start) / runs
