"""The memory plan against its own definition: nothing live may overlap unless a lag allows it."""

from __future__ import annotations

import itertools
import random

import pytest

from whit.runtime.plan import Buffer, Overlap, Plan, plan


def assert_sound(result: Plan, overlaps: list[Overlap], alignment: int) -> None:
    """Byte by byte: no byte belongs to two live buffers, but where an overlap's lag holds."""
    allowed = {(o.output, o.input): o.lag for o in overlaps}
    for a, b in itertools.combinations(result.buffers, 2):
        if a.last < b.first or b.last < a.first:
            continue
        first = set(range(result.offsets[a.name], result.offsets[a.name] + a.bytes))
        second = set(range(result.offsets[b.name], result.offsets[b.name] + b.bytes))
        if not first & second:
            continue
        for out, source in ((a, b), (b, a)):
            lag = allowed.get((out.name, source.name))
            if lag is not None and source.last == out.first:
                assert result.offsets[source.name] - result.offsets[out.name] >= lag
                break
        else:
            raise AssertionError(f"{a} and {b} overlap at {result.offsets}")
    for buffer in result.buffers:
        assert result.offsets[buffer.name] >= 0
        assert result.offsets[buffer.name] % alignment == 0
        assert result.offsets[buffer.name] + buffer.bytes <= result.bytes


@pytest.mark.parametrize("seed", range(60))
def test_random_lifetimes(seed: int) -> None:
    chance = random.Random(seed)
    alignment = chance.choice([1, 4, 16])
    buffers = []
    for i in range(chance.randrange(1, 14)):
        first = chance.randrange(-1, 10)
        buffers.append(
            Buffer(f"b{i}", chance.randrange(1, 90), first, first + chance.randrange(0, 5))
        )
    overlaps = [
        Overlap(out.name, source.name, chance.randrange(-20, 40))
        for out, source in itertools.permutations(buffers, 2)
        if source.last == out.first and chance.random() < 0.4
    ]
    result = plan(buffers, overlaps, alignment)
    assert_sound(result, overlaps, alignment)
    if not overlaps:
        assert result.bytes >= result.lower_bound


def test_chain_needs_only_its_two_largest_neighbours() -> None:
    sizes = [10, 40, 30, 50, 20]
    buffers = [Buffer(f"t{i}", size, i - 1, i) for i, size in enumerate(sizes)]
    assert plan(buffers, [], 1).bytes == max(a + b for a, b in itertools.pairwise(sizes))


def test_in_place_saves_the_second_buffer() -> None:
    buffers = [Buffer("x", 100, -1, 0), Buffer("y", 100, 0, 1)]
    assert plan(buffers, [Overlap("y", "x", 0)], 1).bytes == 100
    assert plan(buffers, [], 1).bytes == 200


def test_lag_is_kept_as_distance() -> None:
    buffers = [Buffer("x", 100, -1, 0), Buffer("y", 100, 0, 1)]
    result = plan(buffers, [Overlap("y", "x", 24)], 4)
    assert result.bytes == 124
    assert result.offsets["x"] - result.offsets["y"] == 24


def test_input_that_is_read_later_is_not_overlapped() -> None:
    buffers = [Buffer("x", 100, -1, 2), Buffer("y", 100, 0, 1)]
    assert plan(buffers, [Overlap("y", "x", 0)], 1).bytes == 200


def test_worst_of_two_lags_counts() -> None:
    buffers = [Buffer("x", 100, -1, 0), Buffer("y", 100, 0, 1)]
    result = plan(buffers, [Overlap("y", "x", 0), Overlap("y", "x", 8)], 1)
    assert result.bytes == 108


def exhaustive(buffers: list[Buffer]) -> int:
    """Smallest arena over all placement orders: optimal for bottom-left placement."""
    best = sum(b.bytes for b in buffers)
    for order in itertools.permutations(buffers):
        offsets: dict[str, int] = {}
        for b in order:
            others = [
                (offsets[o.name], o.bytes)
                for o in order
                if o.name in offsets and o.first <= b.last and b.first <= o.last
            ]
            at = min(
                c
                for c in [0, *(start + size for start, size in others)]
                if all(c + b.bytes <= start or start + size <= c for start, size in others)
            )
            offsets[b.name] = at
        best = min(best, max(offsets[b.name] + b.bytes for b in buffers))
    return best


@pytest.mark.parametrize("seed", range(25))
def test_small_problems_are_solved_as_well_as_by_exhaustion(seed: int) -> None:
    chance = random.Random(1000 + seed)
    buffers = []
    for i in range(6):
        first = chance.randrange(0, 6)
        buffers.append(Buffer(f"b{i}", chance.randrange(1, 50), first, first + chance.randrange(4)))
    assert plan(buffers, [], 1).bytes == exhaustive(buffers)
