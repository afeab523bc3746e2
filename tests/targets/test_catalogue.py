"""targets.toml: every row is usable by a compiler here."""

from __future__ import annotations

import pytest

from whit.converter.errors import InputError
from whit.runtime.kernel_table import defines
from whit.runtime.paths import kernel_set_directory
from whit.targets.catalogue import Target, load_target, targets


def test_names() -> None:
    names = [target.name for target in targets()]
    assert {"host", "cortex-m4"} <= set(names) and len(set(names)) == len(names)
    assert load_target("host").is_host and not load_target("cortex-m4").is_host


def test_unknown_target_lists_all() -> None:
    with pytest.raises(InputError, match=r"'z80'; choose one of host, cortex-m4"):
        load_target("z80")


@pytest.mark.parametrize("target", targets(), ids=lambda t: t.name)
def test_rows(target: Target) -> None:
    assert target.description
    assert target.kernel_sets[-1] == "generic"
    for kernel_set in target.kernel_sets:
        assert any(kernel_set_directory(kernel_set).glob("*.c"))
    # int64 tensors need 8; a program is aligned to WHIT_ALIGNMENT itself
    assert target.alignment in (8, 16)
    assert target.alignment <= defines("whit.h")["WHIT_ALIGNMENT"]
    assert len(target.name.encode()) <= 16  # as a .whit file stores it
