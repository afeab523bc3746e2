"""The memory plan: where every buffer of a run lies in the arena.

Buffers live from the step that first writes them to the step that last reads them; two that live at
the same time may not overlap, except where a kernel's lag allows its output to lie over an input
that dies there. Placement is greedy in several orders and then improved by a seeded local
search: deterministic, and at least as good as greedy by size.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

SEARCH_ROUNDS = 300
SEARCH_BUFFERS = 400
"""The search's length, and the number of buffers above which only the greedy orders are tried."""


@dataclass(frozen=True)
class Buffer:
    """bytes of memory needed from step `first` to step `last`, both included."""

    name: str
    bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Overlap:
    """`output` may overlap `input` if it starts at least `lag` bytes below it."""

    output: str
    input: str
    lag: int


@dataclass
class Plan:
    """offsets by buffer name; `bytes`: the arena's size; `lower_bound`: most bytes live in a step.

    Overlaps can make the plan smaller than the bound.
    """

    offsets: dict[str, int]
    bytes: int
    lower_bound: int
    buffers: list[Buffer] = field(default_factory=list)

    def live(self, step: int) -> list[Buffer]:
        return [b for b in self.buffers if b.first <= step <= b.last]


def plan(buffers: Sequence[Buffer], overlaps: Sequence[Overlap], alignment: int) -> Plan:
    """Offsets, multiples of `alignment`, for all buffers; the smallest arena found."""
    problem = _Problem(buffers, overlaps, alignment)
    orders = [
        sorted(range(len(buffers)), key=key)
        for key in (
            lambda i: (-buffers[i].bytes, buffers[i].first, buffers[i].name),
            lambda i: (buffers[i].first, -buffers[i].bytes, buffers[i].name),
            # Last first: each input comes to lie just above the output that may overlap it.
            lambda i: (-buffers[i].last, -buffers[i].bytes, buffers[i].name),
            lambda i: (
                -buffers[i].bytes * (buffers[i].last - buffers[i].first + 1),
                buffers[i].name,
            ),
            lambda i: (-problem.pressure(i), -buffers[i].bytes, buffers[i].name),
        )
    ]
    best_offsets, best_size, best_order = [0] * len(buffers), 0, orders[0]
    for rank, order in enumerate(orders):
        offsets, size = problem.place(order)
        if rank == 0 or size < best_size:
            best_offsets, best_size, best_order = offsets, size, order
    bound = problem.lower_bound()
    if len(buffers) <= SEARCH_BUFFERS:
        best_offsets, best_size = _search(problem, best_order, best_offsets, best_size, bound)
    names = [b.name for b in buffers]
    return Plan(dict(zip(names, best_offsets, strict=True)), best_size, bound, list(buffers))


def _search(
    problem: _Problem, order: list[int], offsets: list[int], size: int, bound: int
) -> tuple[list[int], int]:
    chance = random.Random(0)
    for _ in range(SEARCH_ROUNDS):
        if size <= bound and not problem.allowed:
            break
        trial = list(order)
        for _ in range(chance.choice((1, 1, 2, 3))):
            item = trial.pop(chance.randrange(len(trial)))
            trial.insert(chance.randrange(len(trial) + 1), item)
        found, total = problem.place(trial)
        if total <= size:
            order, offsets, size = trial, found, total
    return offsets, size


class _Problem:
    def __init__(self, buffers: Sequence[Buffer], overlaps: Sequence[Overlap], alignment: int):
        self.buffers = buffers
        self.alignment = alignment
        index = {b.name: i for i, b in enumerate(buffers)}
        self.conflicts: list[list[int]] = [
            [
                j
                for j, b in enumerate(buffers)
                if j != i and a.first <= b.last and b.first <= a.last
            ]
            for i, a in enumerate(buffers)
        ]
        # (output, input) -> lag, only where the input's last step is the output's first: a buffer
        # that outlives the kernel must stay whole.
        self.allowed: dict[tuple[int, int], int] = {}
        for overlap in overlaps:
            out, source = index[overlap.output], index[overlap.input]
            if out != source and buffers[source].last == buffers[out].first:
                known = self.allowed.get((out, source), overlap.lag)
                self.allowed[out, source] = max(known, overlap.lag)

    def lower_bound(self) -> int:
        steps = {b.first for b in self.buffers}
        return max(
            (sum(b.bytes for b in self.buffers if b.first <= s <= b.last) for s in steps), default=0
        )

    def pressure(self, item: int) -> int:
        """Bytes live at the fullest moment of an item's life."""
        return self.buffers[item].bytes + sum(self.buffers[j].bytes for j in self.conflicts[item])

    def place(self, order: Sequence[int]) -> tuple[list[int], int]:
        offsets = [-1] * len(self.buffers)
        size = 0
        for item in order:
            placed = [j for j in self.conflicts[item] if offsets[j] >= 0]
            offsets[item] = self._lowest(item, placed, offsets)
            size = max(size, offsets[item] + self.buffers[item].bytes)
        return offsets, size

    def _lowest(self, item: int, placed: list[int], offsets: list[int]) -> int:
        candidates = {0}
        for j in placed:
            candidates.add(self._up(offsets[j] + self.buffers[j].bytes))
            if (item, j) in self.allowed:
                candidates.add(max(0, self._down(offsets[j] - self.allowed[item, j])))
            if (j, item) in self.allowed:
                candidates.add(max(0, self._up(offsets[j] + self.allowed[j, item])))
        for candidate in sorted(candidates):
            if all(self._compatible(item, candidate, j, offsets[j]) for j in placed):
                return candidate
        raise AssertionError("the end of the last buffer is always free")

    def _compatible(self, item: int, at: int, other: int, other_at: int) -> bool:
        if at + self.buffers[item].bytes <= other_at:
            return True
        if other_at + self.buffers[other].bytes <= at:
            return True
        if (item, other) in self.allowed and other_at - at >= self.allowed[item, other]:
            return True
        return (other, item) in self.allowed and at - other_at >= self.allowed[other, item]

    def _up(self, offset: int) -> int:
        return -(-offset // self.alignment) * self.alignment

    def _down(self, offset: int) -> int:
        return offset // self.alignment * self.alignment
