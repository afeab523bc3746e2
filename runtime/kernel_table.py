"""Kernels and their parameter structs, read from the C headers that define them.

`kernels.h` and `params.h` are the one definition; this module parses the little of C they use, so
Python and C cannot disagree. The test of this module compares every size with the compiler's.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from whit.runtime.paths import include_directory

_C_TYPES: dict[str, type] = {
    "int32_t": ctypes.c_int32,
    "uint32_t": ctypes.c_uint32,
    "int16_t": ctypes.c_int16,
    "uint16_t": ctypes.c_uint16,
    "int8_t": ctypes.c_int8,
    "uint8_t": ctypes.c_uint8,
    "float": ctypes.c_float,
}
_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_STRUCT = re.compile(r"(?:typedef )?struct (\w*) ?\{(.*?)\}\s*(\w*);", re.S)
_MEMBER = re.compile(r"^\s*((?:\w+ )+\*?)(?:const \*)?(\w+)(?:\[(\w+)\])?;\s*$", re.M)
_DEFINE = re.compile(r"^#define (\w+) (0x[0-9a-fA-F]+|\d+)u?\b", re.M)
_KERNEL = re.compile(r'^KERNEL\((\d+), (\w+), (\w+), "([icos]+)"\)$', re.M)


@dataclass(frozen=True)
class Kernel:
    """A row of kernels.h.

    access: one letter an operand, i input, c constant, o output, s scratch.
    """

    id: int
    name: str
    params: str
    access: str

    @property
    def takes_scratch(self) -> bool:
        return self.access.endswith("s")


def _read(header: str) -> str:
    return (include_directory() / "whit" / header).read_text()


@cache
def defines(header: str) -> Mapping[str, int]:
    """Integer #defines of a header."""
    return {name: int(value, 0) for name, value in _DEFINE.findall(_read(header))}


@cache
def structs(header: str) -> Mapping[str, type[ctypes.Structure]]:
    """ctypes classes of a header's structs, by their C name; every pointer is a void pointer."""
    limits = {**defines("whit.h"), **defines(header)}
    found: dict[str, type[ctypes.Structure]] = {}
    for tag, body, typedef in _STRUCT.findall(_COMMENT.sub("", _read(header))):
        fields: list[tuple[str, Any]] = []
        for ctype, member, count in _MEMBER.findall(body):
            base: Any = ctypes.c_void_p if ctype.endswith("*") else _C_TYPES[ctype.strip()]
            fields.append((member, base * (limits.get(count) or int(count)) if count else base))
        name = typedef or tag
        found[name] = type(name, (ctypes.Structure,), {"_fields_": fields})
    return found


@cache
def kernels() -> Mapping[str, Kernel]:
    """Every kernel by name."""
    rows = _KERNEL.findall(_COMMENT.sub("", _read("kernels.h")))
    return {name: Kernel(int(i), name, params, access) for i, name, params, access in rows}


@cache
def kernel_names() -> Mapping[int, str]:
    return {kernel.id: name for name, kernel in kernels().items()}


def kernel_key(kernel: str, layout: int) -> int:
    """WHIT_KEY of kernel.h: what kernels are found by."""
    return kernels()[kernel].id << 8 | layout


def params_struct(kernel: str) -> type[ctypes.Structure]:
    return structs("params.h")[f"whit_{kernels()[kernel].params}_params"]


def pack_params(kernel: str, params: Mapping[str, object]) -> bytes:
    """The bytes of a kernel's parameters; members left out are 0, tuples fill arrays from the left.

    Raises ValueError for an unknown member or a value outside its member's range.
    """
    struct = params_struct(kernel)
    members = {name: kind for name, kind, *_ in struct._fields_}
    packed = struct()
    for name, value in params.items():
        if name not in members:
            raise ValueError(f"{kernel} has no parameter '{name}'")
        if isinstance(value, tuple):
            array = getattr(packed, name)
            if len(value) > len(array):
                raise ValueError(f"{kernel}.{name} takes {len(array)} values, got {len(value)}")
            for i, item in enumerate(value):
                array[i] = item
            stored = tuple(array[: len(value)])
        else:
            setattr(packed, name, value)
            stored = getattr(packed, name)
        if members[name] is not ctypes.c_float and stored != value:
            raise ValueError(f"{kernel}.{name} cannot hold {value}")
    return bytes(packed)


def unpack_params(kernel: str, data: bytes) -> dict[str, object]:
    """The parameters of a record, by member name; arrays come as tuples."""
    struct = params_struct(kernel)
    packed = struct.from_buffer_copy(data)
    values: dict[str, object] = {}
    for member in struct._fields_:
        value = getattr(packed, member[0])
        values[member[0]] = tuple(value) if isinstance(value, ctypes.Array) else value
    return values
