"""No `.whit` file, however damaged, reads or writes out of bounds.

Every truncation and every one-bit flip of small programs that together use every kernel, with the
checksum made right again, is rejected or runs clean under AddressSanitizer and UBSan.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import whit
from tests.small_graphs import NETWORKS, Builder, q
from tests.support import int8_tensor
from whit.converter.ir import Graph
from whit.runtime import paths
from whit.runtime.compile import compile_graph
from whit.runtime.kernel_table import kernels, pack_params, structs
from whit.runtime.tape import NONE, STATE, Program, Record, StateSlot, reference, seal

SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]


def _links_sanitizers(cc: str, output: Path) -> bool:
    """Whether `cc` is there and its sanitizers' runtime, often a package of its own, too."""
    if shutil.which(cc) is None:
        return False
    command = [cc, *SANITIZE, "-x", "c", "-", "-o", str(output)]
    return subprocess.run(command, input=b"int main(void) { return 0; }\n").returncode == 0


@pytest.fixture(scope="session")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("hostile") / "hostile"
    cc = next((cc for cc in ("clang", "gcc") if _links_sanitizers(cc, program)), None)
    if cc is None:
        pytest.skip("no C compiler with sanitizers")
    generic = paths.kernel_set_directory("generic")
    sources = [Path(__file__).with_name("hostile.c"), *paths.core_sources(), *generic.glob("*.c")]
    includes = ["-I", str(paths.include_directory()), "-I", str(generic.parent)]
    command = [cc, "-std=c11", *SANITIZE, *includes, *map(str, sources), "-lm", "-o", str(program)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return program


@pytest.mark.parametrize("network", NETWORKS)
def test_every_bit_flip_and_truncation(
    network: Callable[[], Graph], harness: Path, tmp_path: Path
) -> None:
    file = tmp_path / "small.whit"
    file.write_bytes(compile_graph(network(), optimize=False).to_bytes())
    run = subprocess.run([harness, file], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    counts = re.fullmatch(r"rejected (\d+) accepted (\d+)\n", run.stdout)
    assert counts, run.stdout
    rejected, accepted = map(int, counts.groups())
    assert rejected + accepted == 1 + 9 * file.stat().st_size
    # Flips in weights and tables of free values are harmless; flips in the structure are not.
    assert rejected > file.stat().st_size
    assert accepted > 100


@pytest.mark.parametrize("network", NETWORKS)
def test_random_mutations(network: Callable[[], Graph], harness: Path, tmp_path: Path) -> None:
    file = tmp_path / "small.whit"
    file.write_bytes(compile_graph(network(), optimize=False).to_bytes())
    run = subprocess.run(
        [harness, file, "20000", "1"], capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr[-3000:]


def test_the_networks_use_every_kernel() -> None:
    used = {name for n in NETWORKS for name, _ in compile_graph(n(), optimize=False).kernels}
    assert used == set(kernels())


def test_python_reads_back_what_it_wrote() -> None:
    program = compile_graph(NETWORKS[0]())
    again = Program.from_bytes(program.to_bytes(), "again")
    assert again.to_bytes() == program.to_bytes()
    assert again.inputs == program.inputs and again.states == program.states


@pytest.mark.parametrize("where", [0, 5, 20, -1])
def test_damage_without_a_new_checksum_is_named(where: int, tmp_path: Path) -> None:
    data = bytearray(compile_graph(NETWORKS[0]()).to_bytes())
    data[where] ^= 0x10
    file = tmp_path / "damaged.whit"
    file.write_bytes(data)
    with pytest.raises(whit.WhitError, match=r"damaged\.whit"):
        whit.Session(file)


def test_every_truncation_is_a_model_error(tmp_path: Path) -> None:
    data = compile_graph(NETWORKS[0]()).to_bytes()
    file = tmp_path / "short.whit"
    for length in range(4, len(data), 7):
        file.write_bytes(seal(data[:length]) if length > 200 else data[:length])
        with pytest.raises(whit.ModelError, match=r"short\.whit"):
            whit.Session(file)


def load_edited(program: Program, kernel: str, edit: Callable[[Record], Record]) -> None:
    """A session of `program` with the records of `kernel` edited."""
    program.records = [edit(r) if r.kernel == kernel else r for r in program.records]
    whit.Session(program)


def test_scratch_of_no_bytes_has_no_address() -> None:
    """Its address, though unused, would be computed from memory that may not be there."""
    b = Builder("pointwise")
    x = b.input(int8_tensor("x", 1, 2, 2, 3))
    w = b.weights("w", (4, 1, 1, 3), 0)
    b.graph.outputs = [b.op("conv2d", [x, w], q(0.1), padding=((0, 0), (0, 0)))]
    program = compile_graph(b.graph)
    (record,) = program.records
    assert record.scratch_bytes == 0 and record.references[-1] == NONE
    with pytest.raises(whit.ModelError, match="record"):
        load_edited(program, "conv2d_s8", lambda r: replace(
            r, references=(*r.references[:-1], reference(STATE, 64))))


def test_state_of_no_bytes() -> None:
    program = compile_graph(NETWORKS[2]())
    program.states = [StateSlot(0, 0, None)]
    with pytest.raises(whit.ModelError, match="damaged"):
        whit.Session(program)


@pytest.mark.parametrize("side, valid", [(64, True), (4096, False)])
def test_no_record_runs_for_years(side: int, valid: bool) -> None:
    """A pool whose every window is the whole image: memory of 2^26 bytes, work of 2^48 steps."""
    program = compile_graph(NETWORKS[2](), optimize=False)
    program.arena_bytes = 1 << 27
    image = {"in_h": side, "in_w": side, "channels": 1, "out_h": side, "out_w": side,
             "kernel_h": side, "kernel_w": side, "stride_h": 1, "stride_w": 1}

    def edit(record: Record) -> Record:
        return replace(record, params=pack_params(record.kernel, {**record.unpacked(), **image}))

    if valid:
        load_edited(program, "max_pool2d_f32", edit)
    else:
        with pytest.raises(whit.ModelError, match="record"):
            load_edited(program, "max_pool2d_f32", edit)


def test_layers_without_names() -> None:
    data = bytearray(compile_graph(NETWORKS[0]()).to_bytes())
    field = structs("tape.h")["whit_tape_header"].layer_count
    data[field.offset : field.offset + 2] = b"\xff\xff"
    with pytest.raises(whit.ModelError, match="inconsistent"):
        Program.from_bytes(seal(bytes(data)), "unnamed")
