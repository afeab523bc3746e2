"""Emitted C: compiled with a desktop compiler and run, it gives what numpy says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.boards.programs import (
    delay_line,
    delay_line_outputs,
    noise,
    scaled,
    scaled_outputs,
)
from whit.converter.errors import InputError
from whit.runtime import paths
from whit.runtime.emit_c import digest, emit, kernel_function
from whit.runtime.tape import Program

WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]
MAIN = """\
#include <stdio.h>
#include "net.h"
WHIT_ALIGNED static uint8_t arena[NET_ARENA_BYTES];
WHIT_ALIGNED static uint8_t state[NET_STATE_BYTES + 1];
int main(void) {
  whit_instance net;
  if (whit_init(&net, &net_program, arena, sizeof arena, state, sizeof state) != WHIT_OK) return 1;
  fprintf(stderr, "%s %08x", net_program.names + net_program.outputs[0].name, NET_DIGEST);
  while (fread(whit_input(&net, 0), net_program.inputs[0].bytes, 1, stdin) == 1) {
    whit_run(&net);
    fwrite(whit_output(&net, 0), net_program.outputs[0].bytes, 1, stdout);
  }
  return 0;
}
"""


def compiled(program: Program, cc: str, folder: Path) -> Path:
    """An executable of emitted C, runtime and kernels that runs whatever stdin brings."""
    if shutil.which(cc) is None:
        pytest.skip(f"{cc} is not installed")
    for name, text in emit(program, "net").items():
        (folder / name).write_text(text)
    (folder / "main.c").write_text(MAIN)
    kernels = paths.kernel_set_directory("generic")
    flags = ["-std=c11", "-O1", "-ffunction-sections", "-Wl,--gc-sections"]
    include = [f"-I{path}" for path in (folder, paths.include_directory(), kernels.parent)]
    sources = [folder / "net.c", folder / "main.c", *paths.core_sources(), *kernels.glob("*.c")]
    executable = folder / "net"
    strict = [cc, "-std=c11", *WARNINGS, *include, "-c", str(folder / "net.c")]
    subprocess.run([*strict, "-o", str(folder / "net.o")], check=True)
    subprocess.run([cc, *flags, *include, *map(str, sources), "-o", str(executable)], check=True)
    return executable


@pytest.mark.parametrize("cc", ["gcc", "clang"])
def test_streaming_program_runs(cc: str, tmp_path: Path) -> None:
    program = delay_line()
    inputs = noise(program, 0, 30)
    done = subprocess.run(
        [compiled(program, cc, tmp_path)],
        input=b"".join(x.tobytes() for x in inputs),
        capture_output=True,
        check=True,
    )
    expected = b"".join(y.tobytes() for y in delay_line_outputs(inputs))
    assert done.stdout == expected
    assert done.stderr.decode() == f"{program.outputs[0].name} {digest(program):08x}"


def test_float_program_runs(tmp_path: Path) -> None:
    program = scaled(100)
    (stored,) = noise(program, 1, 1)
    executable = compiled(program, "gcc", tmp_path)
    done = subprocess.run([executable], input=stored.tobytes(), capture_output=True, check=True)
    result = np.frombuffer(done.stdout, np.float32)
    np.testing.assert_allclose(result, scaled_outputs(stored), rtol=1e-6)


def test_only_used_kernels_are_named() -> None:
    text = emit(scaled())["model.c"]
    assert text.count("whit_kernel_run ") == 1 and "whit_dequantize_x8_f32_generic" in text
    assert "constants[" not in text and "states[]" not in text


def test_header_serves_cpp(tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    for name, text in emit(delay_line()).items():
        (tmp_path / name).write_text(text)
    use = tmp_path / "use.cpp"
    use.write_text(
        '#include "model.h"\nWHIT_ALIGNED static uint8_t arena[MODEL_ARENA_BYTES];\n'
        "const void *use() { return &model_program + (arena[0] != 0); }\n"
    )
    include = [f"-I{tmp_path}", f"-I{paths.include_directory()}"]
    subprocess.run(["g++", *WARNINGS, *include, "-fsyntax-only", str(use)], check=True)


def test_text_does_not_depend_on_the_hash_seed() -> None:
    code = (
        "import hashlib; from tests.boards.programs import delay_line; "
        "from whit.runtime.emit_c import emit; "
        "print(hashlib.sha256(repr(emit(delay_line())).encode()).hexdigest())"
    )
    seen = set()
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        folder = Path(__file__).resolve().parents[2]
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        seen.add(done.stdout)
    assert len(seen) == 1


@pytest.mark.parametrize("name", ["9lives", "a.h", "a-b", "", "ünder", "_x"])
def test_names_that_are_no_identifiers(name: str) -> None:
    with pytest.raises(InputError, match="cannot name C declarations"):
        emit(scaled(), name)


def test_layout_without_a_kernel_set() -> None:
    with pytest.raises(InputError, match="lookup_x8 in layout 7"):
        kernel_function("lookup_x8", 7)
