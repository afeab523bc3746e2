"""Cross compilers: `zig cc` from the `ziglang` package by default, GCC when asked for."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from whit.converter.errors import InputError, ToolError
from whit.targets.catalogue import Target

TOOLCHAINS = ("zig", "gcc")
_FLAGS = (
    "-std=c11",
    "-g",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-common",
    "-ffp-contract=off",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-fno-pic",
)
_PARALLEL = 2
_ERROR_LINES = 12


@dataclass(frozen=True)
class Job:
    """One source to compile. include: folders of headers; flags come behind all others."""

    source: Path
    out: Path
    include: Sequence[Path] = ()
    flags: Sequence[str] = ()


@dataclass(frozen=True)
class Toolchain:
    """A compiler told its core. command: how it is called, core included.

    compile_flags, link_flags: what it needs beyond what every toolchain gets.
    """

    name: str
    target: Target
    command: tuple[str, ...]
    compile_flags: tuple[str, ...]
    link_flags: tuple[str, ...]

    def compile(self, jobs: Sequence[Job]) -> None:
        """Compile every job. Raises ToolError with the compiler's last lines."""
        head = [*self.command, *_FLAGS, *self.compile_flags]

        def one(job: Job) -> None:
            include = [f"-I{path}" for path in job.include]
            files = ["-c", str(job.source), "-o", str(job.out)]
            _run([*head, *include, *job.flags, *files], f"compiling {job.source.name}")

        with ThreadPoolExecutor(_PARALLEL) as pool:
            list(pool.map(one, jobs))

    def link(self, objects: Sequence[Path], script: Path, entry: str, out: Path) -> None:
        """Link a freestanding image by a linker script, leaving out what nothing refers to."""
        _run(
            [*self.command, *self.link_flags, f"-Wl,-e,{entry}", "-Wl,--gc-sections",
             "-T", str(script), *map(str, objects), "-o", str(out)],
            f"linking {out.name}",
        )  # fmt: skip


def toolchain(name: str, target: Target, include: Path) -> Toolchain:
    """The toolchain `name` ("zig" or "gcc") for a target.

    include: the folder of the string.h for toolchains without a C library. Raises InputError for
    another name, ToolError naming what to install where it is missing.
    """
    if name == "zig":
        return _zig(target, include)
    if name == "gcc":
        return _gcc(target, include)
    raise InputError(f"there is no toolchain '{name}'; choose one of {', '.join(TOOLCHAINS)}")


def _zig(target: Target, include: Path) -> Toolchain:
    if importlib.util.find_spec("ziglang") is None:
        raise ToolError(
            "the compiler 'zig cc' is missing: pip install ziglang, or use --toolchain gcc"
        )
    core = ("-target", target.zig_triple, *target.zig_flags)
    return Toolchain(
        "zig",
        target,
        (sys.executable, "-m", "ziglang", "cc", *core),
        ("-fno-sanitize=all", f"-isystem{include}"),
        # -nostdlib would leave out compiler-rt; -g keeps the symbols
        ("-nostartfiles", "-g", "-Os", "-Wno-unused-command-line-argument"),
    )


def _gcc(target: Target, include: Path) -> Toolchain:
    compiler = shutil.which(f"{target.gcc_prefix}gcc")
    if compiler is None:
        raise ToolError(
            f"{target.gcc_prefix}gcc is missing: install it (Debian: "
            f"apt install gcc-{target.gcc_prefix.rstrip('-')}), or use the default toolchain, zig"
        )
    return Toolchain(
        "gcc",
        target,
        (compiler, *target.gcc_flags),
        # freestanding for stdint.h without a C library; builtins are wanted all the same
        ("-ffreestanding", "-fbuiltin", f"-isystem{include}"),
        ("-nostdlib", "-Wl,--no-warn-rwx-segments", "-lgcc"),
    )


def _run(command: list[str], action: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise ToolError(f"{action}: cannot start {command[0]}: {error.strerror}") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()[-_ERROR_LINES:]
        raise ToolError("\n  ".join([f"{action} failed:", *lines]))
