"""Axis orders: how a tensor lies in memory relative to the shape its graph gives it.

An order is a permutation: stored axis i is axis order[i] of the logical shape. Axes of size 1 do
not matter to where elements lie, so orders are compared without them.
"""

from __future__ import annotations

from collections.abc import Sequence

Shape = tuple[int, ...]
Order = tuple[int, ...]


def identity(rank: int) -> Order:
    return tuple(range(rank))


def inverse(order: Sequence[int]) -> Order:
    return tuple(sorted(range(len(order)), key=lambda i: order[i]))


def applied(order: Order, shape: Shape) -> Shape:
    """The stored shape."""
    return tuple(shape[axis] for axis in order)


def core(order: Order, shape: Shape) -> Order:
    """What decides where elements lie: the order of the axes larger than 1."""
    return tuple(axis for axis in order if shape[axis] != 1)


def _groups(a: Shape, b: Shape) -> list[tuple[list[int], list[int]]]:
    """The finest split of both shapes' axes into runs with equal products; axes of 1 left out."""
    left = [axis for axis, size in enumerate(a) if size != 1]
    right = [axis for axis, size in enumerate(b) if size != 1]
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        first, second = [left[i]], [right[j]]
        product, other = a[left[i]], b[right[j]]
        i, j = i + 1, j + 1
        while product != other:
            if product < other:
                product *= a[left[i]]
                first.append(left[i])
                i += 1
            else:
                other *= b[right[j]]
                second.append(right[j])
                j += 1
        groups.append((first, second))
    return groups


def carried(order: Order, shape: Shape, target: Shape) -> Order | None:
    """The order of a reshape's output when its input lies in `order`; None where it has none.

    There is one when the reshape splits and merges only axes that lie together and in sequence.
    """
    left = list(core(order, shape))
    result: list[int] = []
    by_first = {group[0][0]: group for group in _groups(shape, target)}
    while left:
        group = by_first.get(left[0])
        if group is None or left[: len(group[0])] != group[0]:
            return None
        result += group[1]
        del left[: len(group[0])]
    for axis, size in enumerate(target):
        if size == 1:
            result.insert(min(axis, len(result)), axis)
    return tuple(result)
