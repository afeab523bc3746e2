"""Call one generic kernel through ctypes, every operand between guard bytes."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from whit.runtime.kernel_table import kernels, pack_params, structs
from whit.runtime.library import aligned_buffer, library
from whit.runtime.tape import ARENA, CONSTANTS, NONE, reference

GUARD = 64
GUARD_BYTE = 0xA5
_REGIONS = {"i": ARENA, "o": ARENA, "s": ARENA, "c": CONSTANTS}


class Memory:
    """A region in which arrays are laid out with guard bytes between them."""

    def __init__(self) -> None:
        self._sizes: list[tuple[int, int]] = []
        self.end = GUARD

    def reserve(self, size: int) -> int:
        start = self.end
        self._sizes.append((start, size))
        self.end = -(-(start + size) // 16) * 16 + GUARD
        return start

    def allocate(self) -> np.ndarray:
        self.bytes = aligned_buffer(self.end)
        self.bytes[:] = GUARD_BYTE
        return self.bytes

    def guards_intact(self) -> bool:
        inside = np.zeros(self.end, bool)
        for start, size in self._sizes:
            inside[start : start + size] = True
        return bool((self.bytes[~inside] == GUARD_BYTE).all())


class Call:
    """One call of a kernel: `inputs` in operand order, without output and scratch.

    An absent operand is None. outputs: (shape, dtype) of the output operand.
    """

    def __init__(
        self,
        kernel: str,
        inputs: Sequence[np.ndarray | None],
        output: tuple[tuple[int, ...], Any],
        params: Mapping[str, Any],
    ):
        self.kernel = kernel
        self.params = pack_params(kernel, params)
        access = kernels()[kernel].access
        self.scratch = int(self._function("scratch", ctypes.c_uint32)(self.params))
        self.shape, self.dtype = output
        self.arrays: list[np.ndarray | None] = [
            None if a is None else np.ascontiguousarray(a) for a in inputs
        ]
        size = int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize
        sizes = [None if a is None else a.nbytes for a in self.arrays]
        sizes.insert(access.index("o"), size)
        self.arrays.insert(access.index("o"), None)
        if access.endswith("s"):
            sizes.append(self.scratch or None)
            self.arrays.append(None)
        self.memory = {ARENA: Memory(), CONSTANTS: Memory()}
        self.places: list[tuple[int, int] | None] = []
        for letter, bytes_ in zip(access, sizes, strict=True):
            region = _REGIONS[letter]
            self.places.append(
                None if bytes_ is None else (region, self.memory[region].reserve(bytes_))
            )
        for memory in self.memory.values():
            memory.allocate()
        for place, array in zip(self.places, self.arrays, strict=True):
            if place is not None and array is not None:
                self._at(place, array.nbytes)[:] = np.frombuffer(array.tobytes(), np.uint8)
        self._output = self.places[access.index("o")]

    def _function(self, suffix: str, result: Any) -> Any:
        name = f"whit_{self.kernel}_generic{'_' + suffix if suffix else ''}"
        function = getattr(library(), name)
        function.restype = result
        return function

    def _at(self, place: tuple[int, int], size: int) -> np.ndarray:
        region, start = place
        return self.memory[region].bytes[start : start + size]

    def end(self, *letters: str) -> int:
        """Where the last operand with one of these access letters ends in its region."""
        access = kernels()[self.kernel].access
        size = int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize
        ends = [
            place[1] + (size if array is None else array.nbytes)
            for letter, place, array in zip(access, self.places, self.arrays, strict=True)
            if letter in letters and place is not None
        ]
        return max(ends)

    def valid(self, **limits: int) -> bool:
        """Whether validate() accepts the call; `limits` replace members of whit_check."""
        references = (ctypes.c_uint32 * len(self.places))(*(
            NONE if place is None else reference(*place) for place in self.places
        ))
        params = ctypes.create_string_buffer(self.params, len(self.params))
        check = structs("kernel.h")["whit_check"](
            params=ctypes.addressof(params),
            references=ctypes.addressof(references),
            constants=self.memory[CONSTANTS].bytes.ctypes.data,
            constant_bytes=self.memory[CONSTANTS].end,
            arena_bytes=self.memory[ARENA].end,
            state_bytes=0,
            scratch_bytes=self.scratch,
        )
        for name, value in limits.items():
            setattr(check, name, value)
        return bool(self._function("validate", ctypes.c_bool)(ctypes.byref(check)))

    def run(self) -> np.ndarray:
        """The output; asserts that parameters are valid and nothing but the output is written."""
        assert self.valid(), f"{self.kernel} refuses its parameters"
        pointers = (ctypes.c_void_p * len(self.places))(*(
            None if place is None else self.memory[place[0]].bytes.ctypes.data + place[1]
            for place in self.places
        ))
        self._function("", None)(self.params, pointers)
        for memory in self.memory.values():
            assert memory.guards_intact(), f"{self.kernel} wrote outside its operands"
        for place, array in zip(self.places, self.arrays, strict=True):
            if place is not None and array is not None:
                assert self._at(place, array.nbytes).tobytes() == array.tobytes(), "input changed"
        assert self._output is not None
        size = int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize
        return self._at(self._output, size).view(self.dtype).reshape(self.shape).copy()

    def run_overlapped(self, operand: int, closer: int = 0) -> np.ndarray:
        """The output when it lies over input `operand` as far up as lag() allows.

        closer: elements further up than that. AssertionError where lag() forbids any overlap.
        """
        lag = int(self._function("lag", ctypes.c_int32)(self.params, operand))
        source = self.arrays[operand]
        assert source is not None
        assert lag != 0x7FFFFFFF, f"{self.kernel} may not overlap operand {operand}"
        item = max(source.dtype.itemsize, np.dtype(self.dtype).itemsize)
        size = int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize
        # Beyond the other's end there is no overlap left to try.
        distance = (-(-max(lag, -source.nbytes) // item) - closer) * item
        memory = aligned_buffer(2 * GUARD + 2 * size + 2 * source.nbytes + abs(distance))
        start = -(-(GUARD + size + max(distance, 0)) // 16) * 16
        memory[start : start + source.nbytes] = np.frombuffer(source.tobytes(), np.uint8)
        output = start - distance
        pointers = (ctypes.c_void_p * len(self.places))(*(
            None if place is None else self.memory[place[0]].bytes.ctypes.data + place[1]
            for place in self.places
        ))
        pointers[operand] = memory.ctypes.data + start
        pointers[kernels()[self.kernel].access.index("o")] = memory.ctypes.data + output
        self._function("", None)(self.params, pointers)
        return memory[output : output + size].view(self.dtype).reshape(self.shape).copy()


def call(
    kernel: str,
    inputs: Sequence[np.ndarray | None],
    output: tuple[tuple[int, ...], Any],
    **params: Any,
) -> np.ndarray:
    return Call(kernel, inputs, output, params).run()
