"""Reading what the user wants fed to a model."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from whit.cli.inputs import random_feeds, read_feeds
from whit.converter.errors import InputError
from whit.converter.ir import DType
from whit.runtime.tape import Port

A = Port("a", (1, 4, 2), DType.INT8, 0)
B = Port("b", (3,), DType.FLOAT32, 0)
ONE = np.arange(8, dtype=np.int8).reshape(1, 4, 2)
MANY = np.arange(40, dtype=np.int8).reshape(5, 4, 2)


def _npz(folder: Path, **arrays: np.ndarray) -> Path:
    path = folder / "x.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("name", ["a", "x", "anything"])
def test_one_input_by_any_name(tmp_path: Path, name: str) -> None:
    feeds = read_feeds(_npz(tmp_path, **{name: ONE}), [A])
    assert len(feeds) == 1
    np.testing.assert_array_equal(feeds[0]["a"], ONE)


def test_labels_beside_x_are_ignored(tmp_path: Path) -> None:
    feeds = read_feeds(_npz(tmp_path, x=MANY, y=np.arange(5)), [A])
    assert len(feeds) == 5


@pytest.mark.parametrize("stack", [MANY, MANY[:, np.newaxis]])
def test_leading_axis_holds_samples(tmp_path: Path, stack: np.ndarray) -> None:
    feeds = read_feeds(_npz(tmp_path, a=stack), [A])
    assert len(feeds) == 5
    for index, feed in enumerate(feeds):
        assert feed["a"].shape == A.shape
        np.testing.assert_array_equal(feed["a"][0], MANY[index])


def test_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", MANY)
    assert len(read_feeds(tmp_path / "x.npy", [A])) == 5


def test_two_inputs_by_name(tmp_path: Path) -> None:
    b = np.ones((5, 3), np.float32)
    feeds = read_feeds(_npz(tmp_path, a=MANY, b=b), [A, B])
    assert len(feeds) == 5 and set(feeds[0]) == {"a", "b"}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": MANY}, "no array for input 'b'; it holds 'a'"),
        ({"a": MANY, "b": np.ones((4, 3), np.float32)}, "'a' 5, 'b' 4"),
        ({"a": MANY.astype(np.float32), "b": np.ones((5, 3), np.float32)}, "float32.*expected int8"),
        ({"a": np.ones((2, 2), np.int8), "b": np.ones(3, np.float32)}, "expected int8"),
        ({"a": np.ones((0, 4, 2), np.int8), "b": np.ones((0, 3), np.float32)}, "no sample"),
    ],
)
def test_misfits_are_named(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(InputError, match=rf"x\.npz: .*{message}"):
        read_feeds(_npz(tmp_path, **arrays), [A, B])


def test_missing_garbage_and_pickled_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_feeds(tmp_path / "none.npz", [A])
    for data in (b"", b"garbage", b"PK\x03\x04garbage", _pickled()):
        (tmp_path / "x.npz").write_bytes(data)
        with pytest.raises(InputError, match=r"not a \.npz or \.npy file"):
            read_feeds(tmp_path / "x.npz", [A])


def _pickled() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([{}], object), allow_pickle=True)
    return file.getvalue()


def test_random_feeds_repeat_and_cover_the_type() -> None:
    wide = Port("w", (5000,), DType.INT8, 0)
    first, second = random_feeds([wide, B], 2)
    again = random_feeds([wide, B], 2)
    np.testing.assert_array_equal(first["w"], again[0]["w"])
    assert not np.array_equal(first["w"], second["w"])
    assert (first["w"].min(), first["w"].max()) == (-128, 127)
    assert first["b"].dtype == np.float32
