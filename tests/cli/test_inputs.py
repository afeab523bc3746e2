"""What the user wants fed to a model: files, ranges, normalization, noise."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pytest

from whit.cli.inputs import Normalization, SampleRange, random_feeds, read_feeds
from whit.converter.errors import InputError
from whit.converter.ir import DType
from whit.runtime.tape import Port

A = Port("a", (1, 4, 2), DType.INT8, 0)
B = Port("b", (1, 3), DType.FLOAT32, 0)
MANY = np.arange(40, dtype=np.int8).reshape(5, 4, 2)


def test_samples_of_a_program(tmp_path: Path) -> None:
    b = np.arange(15, dtype=np.float32).reshape(5, 3)
    np.savez(tmp_path / "x.npz", a=MANY, b=b)
    feeds = read_feeds(str(tmp_path / "x.npz"), [A, B])
    assert len(feeds) == 5
    for index, feed in enumerate(feeds):
        np.testing.assert_array_equal(feed["a"], MANY[index : index + 1])
        np.testing.assert_array_equal(feed["b"], b[index : index + 1])


def test_normalization_applies_to_floats(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[0, 100, 200]], np.uint8))
    feeds = read_feeds(str(tmp_path / "x.npy"), [B], normalize=(100.0, 50.0))
    np.testing.assert_array_equal(feeds[0]["b"], np.array([[-2, 0, 2]], np.float32))


def test_wrong_shape_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", MANY)
    with pytest.raises(InputError, match=r"x\.npy.*'b'"):
        read_feeds(str(tmp_path / "x.npy"), [B])


def test_random_feeds_repeat_and_cover_the_type() -> None:
    wide = Port("w", (5000,), DType.INT8, 0)
    first, second = random_feeds([wide, B], 2)
    again = random_feeds([wide, B], 2)
    np.testing.assert_array_equal(first["w"], again[0]["w"])
    assert not np.array_equal(first["w"], second["w"])
    assert (first["w"].min(), first["w"].max()) == (-128, 127)
    assert first["b"].dtype == np.float32


@pytest.mark.parametrize("kind", list(DType))
def test_random_feeds_have_every_type(kind: DType) -> None:
    port = Port("p", (2, 3), kind, 0)
    (feed,) = random_feeds([port], 1)
    assert feed["p"].dtype == kind.numpy and feed["p"].shape == (2, 3)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("3:5", [3, 4]), (":2", [0, 1]), ("8:", [8, 9]), (":", list(range(10)))],
)
def test_sample_ranges(text: str, wanted: list[int]) -> None:
    assert list(range(10))[SampleRange().convert(text, None, None)] == wanted


@pytest.mark.parametrize("text", ["", "3", "5:3", "2:2", "-1:3", "a:b", "1:2:3"])
def test_bad_sample_ranges(text: str) -> None:
    with pytest.raises(click.BadParameter):
        SampleRange().convert(text, None, None)


@pytest.mark.parametrize("text", ["", "1", "1,0", "1,-2", "nan,1", "0,inf", "1,2,3", "a,b"])
def test_bad_normalizations(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Normalization().convert(text, None, None)
