"""Samples from files: what is taken, what is refused and how."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support import float_tensor, int8_tensor
from whit.converter.errors import InputError
from whit.converter.ir import Graph, Tensor
from whit.quantize.data import load_samples


def taking(*tensors: Tensor) -> Graph:
    return Graph("m", tensors={t.name: t for t in tensors}, inputs=[t.name for t in tensors])


ONE = taking(float_tensor("x", 1, 4, 3))
X = np.arange(60, dtype=np.float32).reshape(5, 4, 3)


def test_npy_stacks_samples_along_the_first_axis(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    samples = load_samples(tmp_path / "a.npy", ONE)
    assert len(samples) == 5
    for sample, row in zip(samples, X, strict=True):
        np.testing.assert_array_equal(sample["x"], row[None])


def test_an_array_of_just_the_shape_is_one_sample(tmp_path: Path) -> None:
    pair = taking(float_tensor("x", 5, 4, 3))
    np.save(tmp_path / "a.npy", X)
    np.testing.assert_array_equal(load_samples(tmp_path / "a.npy", pair).arrays["x"], X[None])


def test_npz_by_name_by_fit_and_by_key(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    np.savez(file, x=X, y=np.zeros(5, np.int64))
    np.testing.assert_array_equal(load_samples(file, ONE).arrays["x"][:, 0], X)
    np.savez(file, features=X, y=np.zeros(5, np.int64))
    np.testing.assert_array_equal(load_samples(file, ONE).arrays["x"][:, 0], X)
    np.savez(file, a=X, b=X + 1)
    with pytest.raises(InputError, match="more than one"):
        load_samples(file, ONE)
    np.testing.assert_array_equal(load_samples(f"{file}:b", ONE).arrays["x"][:, 0], X + 1)
    with pytest.raises(InputError, match="no array 'c'"):
        load_samples(f"{file}:c", ONE)


def test_folder_in_order_of_name(tmp_path: Path) -> None:
    for name, part in (("2.npy", X[2:]), ("1.npy", X[:2])):
        np.save(tmp_path / name, part)
    np.testing.assert_array_equal(load_samples(tmp_path, ONE).arrays["x"][:, 0], X)


def test_empty_folder_and_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.npy or \.npz"):
        load_samples(tmp_path, ONE)
    with pytest.raises(InputError, match=r"nowhere\.npy"):
        load_samples(tmp_path / "nowhere.npy", ONE)
    (tmp_path / "text.npy").write_text("not an array")
    with pytest.raises(InputError, match=r"not a \.npy or \.npz"):
        load_samples(tmp_path / "text.npy", ONE)


def test_nothing_to_take(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz")
    with pytest.raises(InputError, match=r"a\.npz holds no arrays"):
        load_samples(tmp_path / "a.npz", ONE)
    np.savez(tmp_path / "a.npz", x=X[:0])
    with pytest.raises(InputError, match=r"a\.npz:x is float32\[0, 4, 3\]: it holds no samples"):
        load_samples(tmp_path / "a.npz", ONE)


def test_another_file_is_not_recommended_for_unpickling(tmp_path: Path) -> None:
    for content in (b"hello", b"\x80\x04K\x01."):
        (tmp_path / "a.npy").write_bytes(content)
        with pytest.raises(InputError, match=r"plain arrays$"):
            load_samples(tmp_path / "a.npy", ONE)


def test_two_inputs_need_their_names_and_equal_counts(tmp_path: Path) -> None:
    graph = taking(float_tensor("a", 1, 2), float_tensor("b", 1, 3))
    file = tmp_path / "a.npz"
    np.savez(file, a=np.zeros((4, 2)), b=np.ones((4, 3)))
    assert load_samples(file, graph)[3]["b"].tolist() == [[1, 1, 1]]
    np.savez(file, a=np.zeros((4, 2)), b=np.ones((5, 3)))
    with pytest.raises(InputError, match="different numbers"):
        load_samples(file, graph)
    np.savez(file, a=np.zeros((4, 2)))
    with pytest.raises(InputError, match="no array 'b'"):
        load_samples(file, graph)


def test_integers_for_a_float_input_need_a_scale(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X.astype(np.uint8))
    with pytest.raises(InputError, match=r"uint8, but input 'x' is float32"):
        load_samples(tmp_path / "a.npy", ONE)
    samples = load_samples(tmp_path / "a.npy", ONE, normalize=(30.0, 2.0))
    np.testing.assert_allclose(samples.arrays["x"][:, 0], (X - 30) / 2)


def test_stored_type_must_match_an_integer_input(tmp_path: Path) -> None:
    graph = taking(int8_tensor("x", 1, 4, 3))
    np.save(tmp_path / "a.npy", X)
    with pytest.raises(InputError, match=r"float32, but input 'x' is int8: .* --real"):
        load_samples(tmp_path / "a.npy", graph)


@pytest.mark.parametrize("shape", [(5, 12), (4, 3), ()])
def test_shapes_that_do_not_fit(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape, np.float32))
    with pytest.raises(InputError, match=r"samples of \[1, 4, 3\]"):
        load_samples(tmp_path / "a.npy", ONE)


def test_values_must_be_finite(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.where(X == 7, np.nan, X))
    with pytest.raises(InputError, match="not finite"):
        load_samples(tmp_path / "a.npy", ONE)


def test_limit_spreads_over_the_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    samples = load_samples(tmp_path / "a.npy", ONE, limit=2)
    np.testing.assert_array_equal(samples.arrays["x"][:, 0], X[[0, 2]])
    with pytest.raises(InputError, match="at least 1"):
        load_samples(tmp_path / "a.npy", ONE, limit=0)
