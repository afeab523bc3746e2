"""The cores one can compile for, read from `targets.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from whit.converter.errors import InputError


@dataclass(frozen=True)
class Target:
    """One core.

    kernel_sets: folders of `targets/`, the preferred first. alignment: of tensors in the arena,
    in bytes. optimize: compiler flags for code. zig_triple, zig_flags, gcc_prefix, gcc_flags: how
    each toolchain is told the core.
    """

    name: str
    description: str
    kernel_sets: tuple[str, ...]
    alignment: int
    optimize: tuple[str, ...]
    zig_triple: str
    zig_flags: tuple[str, ...]
    gcc_prefix: str
    gcc_flags: tuple[str, ...]

    @property
    def is_host(self) -> bool:
        return self.zig_triple == "native"


def targets() -> list[Target]:
    """Every target, in the order of the file."""
    return list(_catalogue().values())


def load_target(name: str) -> Target:
    """The target of that name; InputError listing all of them for an unknown one."""
    try:
        return _catalogue()[name]
    except KeyError:
        raise InputError(
            f"there is no target '{name}'; choose one of {', '.join(_catalogue())}"
        ) from None


@cache
def _catalogue() -> Mapping[str, Target]:
    with Path(__file__).with_name("targets.toml").open("rb") as file:
        return {name: _target(name, row) for name, row in tomllib.load(file).items()}


def _target(name: str, row: Mapping[str, Any]) -> Target:
    return Target(
        name=name,
        description=row["description"],
        kernel_sets=tuple(row["kernel_sets"]),
        alignment=row["alignment"],
        optimize=tuple(row["optimize"]),
        zig_triple=row["zig"]["triple"],
        zig_flags=tuple(row["zig"]["flags"]),
        gcc_prefix=row["gcc"]["prefix"],
        gcc_flags=tuple(row["gcc"]["flags"]),
    )
