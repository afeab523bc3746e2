"""The flow of docs/architecture.md, held by what files import and include."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.support import CHECKOUT

FLOW = ("converter", "targets", "runtime", "quantize", "boards", "cli")
"""A package imports itself and those to its left."""
MOST_LINES = 800
C_FLOW = {"runtime": ("whit",), "targets": ("whit", "targets")}
"""Whose headers the C of a package may include; the firmware of boards may include any."""
_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def modules() -> dict[str, Path]:
    """Every module of whit by its name, as installed."""
    return {
        "whit." + ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for package in FLOW
        for path in sorted((CHECKOUT / package).rglob("*.py"))
    }


def imported(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Modules of whit that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("whit"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("whit"):
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else node.module


def c_sources(package: str) -> list[Path]:
    return [p for p in sorted((CHECKOUT / package).rglob("*")) if p.suffix in (".c", ".h", ".S")]


def test_imports_follow_the_flow() -> None:
    known = modules()
    assert len(known) > 100
    against = []
    for module, path in known.items():
        allowed = FLOW[: FLOW.index(module.split(".")[1]) + 1]
        for other in imported(path, known):
            if other == "whit" or other.split(".")[1] not in allowed:
                against.append(f"{module} imports {other}")
    assert against == []


def test_no_modules_import_each_other() -> None:
    known = modules()
    graph = {module: set(imported(path, known)) - {module} for module, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("package", sorted(C_FLOW))
def test_includes_follow_the_flow(package: str) -> None:
    """The runtime names no kernel set, and neither knows boards or firmware."""
    sources = c_sources(package)
    assert sources
    against = []
    for source in sources:
        for header in _INCLUDE.findall(source.read_text()):
            of_runtime = (CHECKOUT / "runtime/include" / header).exists()
            of_targets = (CHECKOUT / "targets" / header).exists()
            own = (source.parent / header).exists()
            owner = "whit" if of_runtime else "targets" if of_targets else None
            if not own and owner not in C_FLOW[package]:
                against.append(f"{source.relative_to(CHECKOUT)} includes {header}")
    assert against == []


def test_files_stay_short() -> None:
    files = [CHECKOUT / "tests", *(CHECKOUT / package for package in FLOW)]
    long = {
        str(path.relative_to(CHECKOUT)): lines
        for folder in files
        for path in folder.rglob("*")
        if path.suffix in (".py", ".c", ".h")
        and (lines := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert long == {}
