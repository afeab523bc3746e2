"""What `pip install` puts where: one import name, and all that firmware is built from."""

from __future__ import annotations

import tomllib
from importlib import metadata

import pytest

import whit
from tests.support import CHECKOUT

try:
    FILES = [str(file) for file in metadata.files("whit") or []]
except metadata.PackageNotFoundError:
    FILES = []
pytestmark = pytest.mark.skipif(
    "whit/__init__.py" not in FILES, reason="whit is not installed, or installed as editable"
)


def test_nothing_else_lands_in_site_packages() -> None:
    outside = [
        file
        for file in FILES
        if not file.startswith(("whit/", "whit-")) and not file.endswith(("bin/whit", "whit.exe"))
    ]
    assert outside == []


def test_every_source_is_installed() -> None:
    installed = {file.removeprefix("whit/") for file in FILES}
    missing = [
        str(path.relative_to(CHECKOUT))
        for folder in ("converter", "quantize", "runtime", "targets", "boards", "cli")
        for path in (CHECKOUT / folder).rglob("*")
        if path.suffix in (".py", ".c", ".h", ".S", ".toml", ".ld", ".j2")
        and str(path.relative_to(CHECKOUT)) not in installed
    ]
    assert missing == []


def test_library_and_type_marker_are_installed() -> None:
    assert "whit/py.typed" in FILES
    assert any(
        file.startswith("whit/runtime/")
        and "whit." in file.rpartition("/")[2]
        and file.endswith((".so", ".dylib", ".dll"))
        for file in FILES
    )


def test_version_and_entry_point() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert metadata.version("whit") == project["version"]
    scripts = metadata.entry_points(group="console_scripts", name="whit")
    assert callable(next(iter(scripts)).load())
    assert whit.Session is not None
