"""Firmware from the command line: its sizes are the ELF's, its bits are TFLM's."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from tests.cli.conftest import Call
from tests.oracles import tflm

pytest.importorskip("ziglang")
needs_emulator = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None, reason="qemu-system-arm is not installed"
)
BOARD = ["--board", "qemu-mps2-an386"]
CallJson = Callable[..., dict[str, Any]]


def _loaded(elf: Path) -> tuple[int, int]:
    """Bytes that an image takes of flash (below 0x2000_0000) and of RAM, by its program headers."""
    with elf.open("rb") as file:
        segments = [s.header for s in ELFFile(file).iter_segments() if s["p_type"] == "PT_LOAD"]
    flash = max((s.p_paddr + s.p_filesz for s in segments if s.p_filesz), default=0)
    ram = max(
        (s.p_vaddr + s.p_memsz for s in segments if s.p_vaddr >= 0x2000_0000),
        default=0x2000_0000,
    )
    return flash, ram - 0x2000_0000


def test_build_reports_the_image_exactly(
    call: Call, call_json: CallJson, int8_model: Path, tmp_path: Path
) -> None:
    elf, sources = tmp_path / "firmware.elf", tmp_path / "c"
    document = call_json("build", int8_model, *BOARD, "-o", elf, "--emit-c", sources)
    flash, ram = _loaded(elf)
    assert document["image"]["flash"]["total"] == flash
    assert document["image"]["ram"]["total"] == ram
    assert {Path(p) for p in document["sources"]} == set(sources.iterdir()) != set()
    inspected = call_json("inspect", int8_model, *BOARD)
    assert inspected["image"] == document["image"]
    assert inspected["target"] == document["target"] == "cortex-m4"
    # The estimate of runtime, kernels and model, made without a compiler, is of the right size.
    modules = document["image"]["flash"]["modules"]
    exact = document["image"]["code_bytes"] + modules["model"]
    assert 0.7 < inspected["flash_estimate"]["total_bytes"] / exact < 1.4


@needs_emulator
def test_run_on_the_board_gives_the_bits_of_tflm(
    call_json: CallJson, streaming_model: Path, tmp_path: Path
) -> None:
    x = np.random.default_rng(3).integers(-128, 128, (6, 5, 4, 3)).astype(np.int8)
    np.save(tmp_path / "x.npy", x)
    document = call_json("run", streaming_model, "--input", tmp_path / "x.npy", *BOARD)
    assert document["ran_on"] == "board qemu-mps2-an386"
    expected = tflm(streaming_model.read_bytes(), [each[np.newaxis] for each in x])
    (output,) = document["outputs"]
    np.testing.assert_array_equal(
        np.array(output["values"]), np.stack([each[output["name"]] for each in expected])
    )


@needs_emulator
def test_bench_on_the_board_counts_instructions(
    call: Call, call_json: CallJson, int8_model: Path
) -> None:
    document = call_json("bench", int8_model, *BOARD, "--layers")
    # 2592 multiply-accumulates in the convolution alone; nobody spends 500 instructions on each.
    assert 2592 < document["instructions_median"] < 500 * 2592
    layers = document["layers"]
    assert [layer["kernels"] for layer in layers] == [
        ["conv2d_s8"], ["mean_s8"], ["fully_connected_s8"]
    ]  # fmt: skip
    total = sum(layer["instructions"] for layer in layers)
    assert abs(total / document["instructions_median"] - 1) < 0.02
    result = call("bench", int8_model, *BOARD, "--against", "tflm")
    assert result.exit_code == 1 and "--against compares on the desktop" in result.stderr
