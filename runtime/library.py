"""The compiled runtime, through ctypes: contracts of kernels, and running programs in memory."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import cache

import numpy as np

from whit.converter.errors import InputError, ModelError, ToolError
from whit.runtime import paths
from whit.runtime.kernel_table import defines, kernel_key, kernel_names, pack_params, structs
from whit.runtime.tape import ARENA, CONSTANTS, STATE, offset_of, region_of

_SCRATCH = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p)
_LAG = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int)
_WHIT_OK = 0
NO_OVERLAP = 0x7FFFFFFF


@cache
def library() -> ctypes.CDLL:
    path = paths.library()
    try:
        lib = ctypes.CDLL(str(path))
    except OSError as error:
        raise ToolError(f"cannot load the whit runtime {path}: {error}") from error
    lib.whit_load.argtypes = [
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    lib.whit_init.argtypes = [ctypes.c_void_p, ctypes.c_void_p] + [
        ctypes.c_void_p,
        ctypes.c_size_t,
    ] * 2
    lib.whit_run.argtypes = lib.whit_reset.argtypes = [ctypes.c_void_p]
    lib.whit_run.restype = lib.whit_reset.restype = None
    lib.whit_step.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    lib.whit_step.restype = ctypes.c_uint32
    lib.whit_status_text.restype = ctypes.c_char_p
    return lib


def _kernel_set() -> ctypes.Structure:
    return structs("whit.h")["whit_kernel_set"].in_dll(library(), "whit_generic_kernels")


@cache
def _contracts() -> dict[int, ctypes.Structure]:
    """Contracts of every kernel the library links, by key."""
    linked = _kernel_set()
    table = ctypes.cast(
        linked.contracts, ctypes.POINTER(structs("kernel.h")["whit_contract"])
    )
    return {table[i].key: table[i] for i in range(linked.count)}


def _contract(kernel: str, layout: int) -> ctypes.Structure:
    contract = _contracts().get(kernel_key(kernel, layout))
    if contract is None:
        raise ToolError(f"the whit runtime library lacks kernel {kernel} in layout {layout}")
    return contract


def scratch_bytes(kernel: str, layout: int, params: dict[str, object]) -> int:
    """Bytes of scratch a call needs: the kernel's own C formula."""
    packed = pack_params(kernel, params)
    return int(_SCRATCH(_contract(kernel, layout).scratch)(packed))


def lag(kernel: str, layout: int, params: dict[str, object], operand: int) -> int | None:
    """How far below input `operand` the output must start to overlap it safely; None: never."""
    packed = pack_params(kernel, params)
    distance = int(_LAG(_contract(kernel, layout).lag)(packed, operand))
    return None if distance == NO_OVERLAP else distance


def aligned_buffer(size: int) -> np.ndarray:
    """`size` zero bytes at an address that is a multiple of WHIT_ALIGNMENT."""
    alignment = defines("whit.h")["WHIT_ALIGNMENT"]
    raw = np.zeros(size + alignment, np.uint8)
    start = -raw.ctypes.data % alignment
    return raw[start : start + size]


class Machine:
    """A loaded program bound to memory: run it whole or record by record.

    arena, state: uint8 arrays, the program's memory. Raises ModelError for a program that the
    loader rejects, naming `source`.
    """

    def __init__(self, program: bytes, source: str):
        self._file = aligned_buffer(len(program))
        self._file[:] = np.frombuffer(program, np.uint8)
        self._program = structs("whit.h")["whit_program"]()
        self._instance = structs("whit.h")["whit_instance"]()
        detail = ctypes.c_uint32()
        status = library().whit_load(
            ctypes.byref(self._program),
            self._file.ctypes.data,
            len(program),
            ctypes.byref(_kernel_set()),
            ctypes.byref(detail),
        )
        if status != _WHIT_OK:
            text = library().whit_status_text(status).decode()
            raise ModelError(f"{source}: {text}{_detail(text, detail.value)}")
        self.arena = aligned_buffer(self._program.arena_bytes)
        self.state = aligned_buffer(self._program.state_bytes)
        self.constants = self._section()
        status = library().whit_init(
            ctypes.byref(self._instance),
            ctypes.byref(self._program),
            self.arena.ctypes.data,
            self.arena.size,
            self.state.ctypes.data,
            self.state.size,
        )
        if status != _WHIT_OK:
            raise InputError(f"{source}: {library().whit_status_text(status).decode()}")
        self._address = ctypes.addressof(self._instance)
        self._run = library().whit_run

    def _section(self) -> np.ndarray:
        start = (self._program.constants or 0) - self._file.ctypes.data
        return self._file[start : start + self._program.constant_bytes]

    def run(self) -> None:
        self._run(self._address)

    def steps(self) -> Iterator[int]:
        """Run record by record, yielding each record's index after it ran."""
        position, index = 0, 0
        while position < self._program.record_words:
            position = library().whit_step(self._address, position)
            yield index
            index += 1

    def reset(self) -> None:
        library().whit_reset(self._address)

    def view(self, reference: int, size: int) -> np.ndarray:
        """The `size` bytes that a reference names, as uint8, not copied."""
        memory = {ARENA: self.arena, CONSTANTS: self.constants, STATE: self.state}
        start = offset_of(reference)
        return memory[region_of(reference)][start : start + size]


def _detail(text: str, detail: int) -> str:
    if "kernel" in text:
        name = kernel_names().get(detail >> 8, f"number {detail >> 8}")
        return f": {name} in layout {detail & 0xFF}"
    if "record" in text:
        return f" (at word {detail})"
    return ""
