"""Printing and writing: nothing half-written, nothing that upsets a terminal or a JSON parser."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from whit.cli.files import OutputPath, check_distinct, write_atomically
from whit.cli.output import bytes_text, printable, short_name, write_json, write_table
from whit.converter.errors import InputError


def test_json_of_numpy_values_and_infinities(capsys: pytest.CaptureFixture[str]) -> None:
    write_json("test", {"a": np.float32(0.5), "b": np.arange(2), "c": (np.inf, float("nan"))})
    assert json.loads(capsys.readouterr().out) == {
        "schema": 1, "command": "test", "a": 0.5, "b": [0, 1], "c": [None, None],
    }  # fmt: skip


def test_table_in_a_pipe_is_never_folded_or_cut(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 500
    write_table(["a", ">b"], [(long, 1), ("[bold]y", None)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == [long, "1"]
    assert lines[3] == "[bold]y"


@pytest.mark.parametrize("columns", [20, 45, 60, 100])
def test_table_on_a_terminal_never_breaks_a_word(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "dumb")
    name = "model/depthwise_conv2d_1/depthwise1"
    write_table(["name", ">MACs", "kernel"], [(name, "1,234", "some words and conv2d_s8")])
    lines = capsys.readouterr().out.splitlines()
    words = " ".join(lines).split()
    assert {"MACs", "1,234", "some", "words", "and", "conv2d_s8"} <= set(words)
    assert (name in words) == (columns >= 60)
    shortest = 19 + 3 + 5 + 3 + len("conv2d_s8")
    assert max(map(len, lines)) <= max(columns, shortest)


def test_control_characters_are_escaped() -> None:
    assert printable("a\x1b[31mb\x07\ttür") == r"a\x1b[31mb\x07\ttür"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1,023 B"), (1536, "1,536 B (1.5 KiB)"), (2**20, "1,048,576 B (1.0 MiB)")],
)
def test_bytes(size: int, text: str) -> None:
    assert bytes_text(size) == text


def test_long_names_are_shortened_in_the_middle() -> None:
    assert short_name("conv;bias;relu") == "conv"
    name = short_name("/".join(f"block_{i}" for i in range(20)))
    assert len(name) <= 43
    assert name.startswith("block_0/") and name.endswith("/block_19")


def test_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "model.tflite"
    target.write_bytes(b"old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InputError, match=r"model\.tflite: cannot be written: No space left"):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has /dev/full")
def test_a_full_device_is_named() -> None:
    with pytest.raises(InputError, match="/dev/full: cannot be written: No space left"):
        write_atomically(Path("/dev/full"), b"new")


def test_interrupted_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "model.tflite", b"new")
    assert not list(tmp_path.iterdir())


def test_write_keeps_mode_and_follows_links(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_new_files_get_ordinary_permissions(tmp_path: Path) -> None:
    ordinary = tmp_path / "ordinary"
    ordinary.write_bytes(b"")
    write_atomically(tmp_path / "new", b"new")
    assert (tmp_path / "new").stat().st_mode == ordinary.stat().st_mode


def test_devices_are_written_to_not_replaced() -> None:
    write_atomically(Path(os.devnull), b"new")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_output_needs_an_existing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no folder .*missing; create it"):
        OutputPath().convert(tmp_path / "missing" / "out", None, None)
    with pytest.raises(InputError, match="is a folder"):
        OutputPath().convert(tmp_path, None, None)


def test_output_must_not_be_the_input(tmp_path: Path) -> None:
    model, link = tmp_path / "m.tflite", tmp_path / "l.tflite"
    model.write_bytes(b"x")
    link.symlink_to(model)
    with pytest.raises(InputError, match="is the input as well"):
        check_distinct(model, link)
    check_distinct(model, tmp_path / "other.tflite")
