"""The structs Python parses from the headers are the compiler's, member by member."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from whit.runtime.kernel_table import kernels, pack_params, params_struct, structs, unpack_params
from whit.runtime.paths import include_directory

HEADERS = ("whit.h", "kernel.h", "params.h", "tape.h")


def test_layouts_match_the_compiler(tmp_path: Path) -> None:
    cc = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if cc is None:
        pytest.skip("no C compiler")
    lines, expected = [], []
    for header in HEADERS:
        for name, struct in structs(header).items():
            ctype = name if name != "whit_kernel" else "struct whit_kernel"
            lines.append(f'printf("{name} %zu\\n", sizeof({ctype}));')
            expected.append(f"{name} {ctypes.sizeof(struct)}")
            for member in struct._fields_:
                lines.append(
                    f'printf("{name}.{member[0]} %zu\\n", offsetof({ctype}, {member[0]}));'
                )
                expected.append(f"{name}.{member[0]} {getattr(struct, member[0]).offset}")
    assert len(expected) > 200
    source = tmp_path / "layout.c"
    includes = "".join(f'#include "whit/{header}"\n' for header in HEADERS)
    source.write_text(
        f"#include <stdio.h>\n{includes}int main(void) {{\n" + "\n".join(lines) + "\nreturn 0;}\n"
    )
    program = tmp_path / "layout"
    subprocess.run(
        [cc, "-std=c11", "-Wpadded", "-I", str(include_directory()), str(source), "-o", program],
        check=True,
    )
    printed = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    assert printed.splitlines() == expected


def test_every_kernel_has_its_parameters_and_a_number_of_its_own() -> None:
    rows = kernels().values()
    assert len({k.id for k in rows}) == len(rows) > 20
    for kernel in rows:
        assert ctypes.sizeof(params_struct(kernel.name)) % 4 == 0, kernel.name
        assert "s" not in kernel.access[:-1], kernel.name


def test_packing_refuses_what_does_not_fit() -> None:
    assert unpack_params("lookup_x8", pack_params("lookup_x8", {"count": 7})) == {"count": 7}
    with pytest.raises(ValueError, match="cannot hold"):
        pack_params("fully_connected_s8", {"clamp_max": 40000})
    with pytest.raises(ValueError, match="no parameter"):
        pack_params("lookup_x8", {"cuont": 7})
    with pytest.raises(ValueError, match="takes 6 values"):
        pack_params("copy_any", {"dims": (1,) * 7})
