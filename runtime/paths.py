"""Where the C sources, headers and the compiled library lie, installed or in a checkout."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from whit.converter.errors import ToolError


def _package_directories(package: str) -> list[Path]:
    return [Path(p) for p in sys.modules[package].__path__]


def include_directory() -> Path:
    """The folder to give a C compiler as -I: holds whit/whit.h."""
    return _find("whit.runtime", "include")


def core_sources() -> list[Path]:
    """The C files of the runtime itself, without kernels."""
    return sorted(_find("whit.runtime", "src").glob("*.c"))


def kernel_set_directory(kernel_set: str) -> Path:
    """The folder of a kernel set's C files."""
    import whit.targets  # noqa: F401  (its __path__ is needed)

    return _find("whit.targets", kernel_set)


def library() -> Path:
    """The shared library that Session loads; WHIT_LIBRARY names another one (sanitizer builds)."""
    override = os.environ.get("WHIT_LIBRARY")
    if override:
        return Path(override)
    for name in ("libwhit.so", "libwhit.dylib", "whit.dll"):
        for directory in _package_directories("whit.runtime"):
            if (directory / name).exists():
                return directory / name
    raise ToolError(
        "the whit runtime library is missing: install whit with 'pip install .' (a C compiler and "
        "CMake build it), or point WHIT_LIBRARY at it"
    )


def _find(package: str, child: str) -> Path:
    for directory in _package_directories(package):
        if (directory / child).exists():
            return directory / child
    raise ToolError(f"'{child}' is missing from the installed package {package}; reinstall whit")
