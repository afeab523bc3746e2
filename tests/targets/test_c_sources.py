"""Every C source compiles clean with gcc and clang, and asks for nothing but memory moves."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from whit.runtime import paths

WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic"]
ALLOWED = {"memcpy", "memmove", "memset", "strlen"}
SOURCES = [*paths.core_sources(), *sorted(paths.kernel_set_directory("generic").glob("*.c"))]


def compile_source(
    cc: str, source: Path, output: Path, *flags: str
) -> subprocess.CompletedProcess[str]:
    includes = ["-I", str(paths.include_directory()), "-I", str(source.parent.parent)]
    return subprocess.run(
        [cc, "-std=c11", "-Os", *flags, *includes, "-c", str(source), "-o", str(output)],
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("cc", ["gcc", "clang"])
def test_no_warnings(cc: str, tmp_path: Path) -> None:
    if shutil.which(cc) is None:
        pytest.skip(f"{cc} is not installed")
    failures = [
        result.stderr
        for source in SOURCES
        if (result := compile_source(cc, source, tmp_path / "out.o", *WARNINGS)).returncode
    ]
    assert not failures, "\n".join(failures)


def test_undefined_and_writable_symbols(tmp_path: Path) -> None:
    """No malloc, no stdio, no libm, and no data that lives between calls."""
    if shutil.which("gcc") is None or shutil.which("nm") is None:
        pytest.skip("gcc or nm is not installed")
    undefined, writable = set(), set()
    for source in SOURCES:
        output = tmp_path / f"{source.stem}.o"
        flags = ("-fno-stack-protector", "-fno-pie")
        assert compile_source("gcc", source, output, *flags).returncode == 0
        listing = subprocess.run(["nm", str(output)], capture_output=True, text=True).stdout
        for kind, name in re.findall(r"^[0-9a-f ]{16} (\w) (\S+)$", listing, re.M):
            if kind == "U" and not name.startswith("whit_"):
                undefined.add(name)
            if kind in "bBdDC":
                writable.add(name)
    assert undefined <= ALLOWED, undefined
    assert not writable
