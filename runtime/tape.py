"""The program, or tape: what compilation makes and every executor runs.

`Program.to_bytes` writes a `.whit` file, `Program.from_bytes` reads one; the byte layout is
`tape.h`, whose structs both sides share through `kernel_table`.
"""

from __future__ import annotations

import ctypes
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from whit.converter.errors import ModelError
from whit.converter.ir import DType, Quantization
from whit.runtime.kernel_table import (
    defines,
    kernel_key,
    kernel_names,
    kernels,
    structs,
    unpack_params,
)

SUFFIX = ".whit"
MAGIC = defines("tape.h")["WHIT_MAGIC"].to_bytes(4, "little")
DTYPES = tuple(DType)
"""Position is the number in whit.h's whit_dtype; `DType` is declared in that order."""

_LIMITS = defines("kernel.h")
NONE = _LIMITS["WHIT_NONE"]
ARENA, CONSTANTS, STATE = (_LIMITS[f"WHIT_{r}"] for r in ("ARENA", "CONSTANTS", "STATE"))
LARGEST_REGION = _LIMITS["WHIT_OFFSET_MASK"]
"""Bytes of arena, constants or state that references reach."""
REGIONS = {ARENA: "arena", CONSTANTS: "constants", STATE: "state"}


def reference(region: int, offset: int) -> int:
    if not 0 <= offset <= LARGEST_REGION:
        raise ValueError(f"offset {offset} does not fit a reference")
    return region << _LIMITS["WHIT_REGION_SHIFT"] | offset


def region_of(ref: int) -> int:
    return ref >> _LIMITS["WHIT_REGION_SHIFT"]


def offset_of(ref: int) -> int:
    return ref & LARGEST_REGION


@dataclass(frozen=True)
class Port:
    """One input or output of a program."""

    name: str
    shape: tuple[int, ...]
    dtype: DType
    reference: int
    quantization: Quantization | None = None

    @property
    def bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.size


@dataclass(frozen=True)
class StateSlot:
    """Bytes of state memory and their initial value: a constants offset, or one repeated byte."""

    offset: int
    bytes: int
    initial: int | None
    fill: int = 0


@dataclass(frozen=True)
class Record:
    """One kernel call with everything resolved. params are the raw bytes of its struct."""

    kernel: str
    layout: int
    layer: int
    references: tuple[int, ...]
    params: bytes
    scratch_bytes: int = 0

    def unpacked(self) -> dict[str, object]:
        return unpack_params(self.kernel, self.params)

    def to_bytes(self) -> bytes:
        head = structs("kernel.h")["whit_record"](
            kernel=kernels()[self.kernel].id,
            layout=self.layout,
            operands=len(self.references),
            words=(ctypes.sizeof(structs("kernel.h")["whit_record"]) + len(self.params)) // 4
            + len(self.references),
            layer=self.layer,
            scratch_bytes=self.scratch_bytes,
        )
        return bytes(head) + np.array(self.references, "<u4").tobytes() + self.params


@dataclass
class Program:
    """A compiled model. layers: a name for each graph node, indexed by `Record.layer`."""

    name: str
    target: str
    records: list[Record]
    constants: bytes
    inputs: list[Port]
    outputs: list[Port]
    states: list[StateSlot]
    arena_bytes: int
    state_bytes: int
    layers: list[str] = field(default_factory=list)

    @property
    def kernels(self) -> list[tuple[str, int]]:
        """(name, layout) of the kernels the records need, in key order."""
        used = {(r.kernel, r.layout) for r in self.records}
        return sorted(used, key=lambda kernel: kernel_key(*kernel))

    def record_bytes(self) -> bytes:
        return b"".join(record.to_bytes() for record in self.records)

    def to_bytes(self) -> bytes:
        """The `.whit` file."""
        header = structs("tape.h")["whit_tape_header"]()
        names = _Names()
        body = _Sections(ctypes.sizeof(header), defines("whit.h")["WHIT_ALIGNMENT"])
        records = self.record_bytes()
        keys = [kernel_key(name, layout) for name, layout in self.kernels]
        header.records_offset, header.record_words = body.add(records), len(records) // 4
        header.constants_offset = body.add(self.constants)
        header.constant_bytes = len(self.constants)
        header.inputs_offset = body.add(_pack_ports(self.inputs, names))
        header.outputs_offset = body.add(_pack_ports(self.outputs, names))
        header.states_offset = body.add(b"".join(_pack_state(s) for s in self.states))
        header.kernels_offset = body.add(np.array(keys, "<u4").tobytes())
        header.input_count, header.output_count = len(self.inputs), len(self.outputs)
        header.state_count, header.kernel_count = len(self.states), len(keys)
        names.add(self.name)
        header.layer_names = names.size
        header.layer_count = len(self.layers)
        for layer in self.layers:
            names.add(layer)
        header.names_offset, header.name_bytes = body.add(bytes(names.data)), names.size
        header.arena_bytes, header.state_bytes = self.arena_bytes, self.state_bytes
        target = self.target.encode()[:16]
        header.target[: len(target)] = target
        header.magic = int.from_bytes(MAGIC, "little")
        header.format = defines("tape.h")["WHIT_FORMAT_VERSION"]
        header.contract = _LIMITS["WHIT_CONTRACT_VERSION"]
        header.file_bytes = ctypes.sizeof(header) + len(body.data)
        return seal(bytes(header) + bytes(body.data))

    @classmethod
    def from_bytes(cls, data: bytes, source: str) -> Program:
        """Read a `.whit` file. Raises ModelError for one that cannot be read.

        This reads what describes the program; `Machine` validates it before anything runs.
        """
        return _Reader(data, source).program()


def seal(data: bytes) -> bytes:
    """`data`, a `.whit` file, with its checksum made right."""
    start = structs("tape.h")["whit_tape_header"].crc32.offset
    crc = zlib.crc32(data[start + 4 :]).to_bytes(4, "little")
    return data[:start] + crc + data[start + 4 :]


class _Names:
    def __init__(self) -> None:
        self.data = bytearray()

    @property
    def size(self) -> int:
        return len(self.data)

    def add(self, name: str) -> int:
        start = len(self.data)
        self.data += name.replace("\0", " ").encode() + b"\0"
        return start


class _Sections:
    def __init__(self, start: int, alignment: int):
        self.data = bytearray()
        self._start = start
        self._alignment = alignment

    def add(self, section: bytes) -> int:
        self.data += bytes(-(self._start + len(self.data)) % self._alignment)
        offset = self._start + len(self.data)
        self.data += section
        return offset


def _pack_ports(ports: Sequence[Port], names: _Names) -> bytes:
    return b"".join(bytes(pack_port(port, names.add(port.name))) for port in ports)


def pack_port(port: Port, name: int) -> ctypes.Structure:
    """The whit_io of a port whose name starts at `name` in the program's names."""
    packed = structs("whit.h")["whit_io"](
        name=name,
        reference=port.reference,
        bytes=port.bytes,
        dtype=DTYPES.index(port.dtype),
        rank=len(port.shape),
    )
    packed.dims[: len(port.shape)] = port.shape
    if port.quantization is not None:
        packed.scale = float(port.quantization.scale[0])
        packed.zero_point = int(port.quantization.zero_point[0])
    return packed


def _pack_state(slot: StateSlot) -> bytes:
    initial = NONE if slot.initial is None else reference(CONSTANTS, slot.initial)
    return bytes(
        structs("whit.h")["whit_state"](
            offset=slot.offset, bytes=slot.bytes, initial=initial, fill=slot.fill
        )
    )


class _Reader:
    def __init__(self, data: bytes, source: str):
        self.data = data
        self.source = source
        struct = structs("tape.h")["whit_tape_header"]
        if data[:4] != MAGIC or len(data) < ctypes.sizeof(struct):
            raise ModelError(f"{source}: not a .whit program, or truncated")
        self.header = struct.from_buffer_copy(data)
        version = defines("tape.h")["WHIT_FORMAT_VERSION"]
        if self.header.format != version:
            raise ModelError(
                f"{source}: format version {self.header.format}, this whit reads {version}; "
                "compile the model again"
            )
        if self.header.file_bytes != len(data) or seal(data) != data:
            raise ModelError(
                f"{source}: the file is truncated or damaged; copy or compile it again"
            )

    def program(self) -> Program:
        try:
            return self._program()
        except (ValueError, IndexError, KeyError, OverflowError) as error:
            raise ModelError(f"{self.source}: the program's tables are inconsistent") from error

    def _program(self) -> Program:
        h = self.header
        names = self._bytes(h.names_offset, h.name_bytes)
        layers = names[h.layer_names :].split(b"\0")[: h.layer_count]
        before = names[: h.layer_names].split(b"\0")
        if len(layers) != h.layer_count:
            raise ValueError("layers without a name")
        return Program(
            name=before[-2].decode() if len(before) > 1 else "",
            target=bytes(h.target).rstrip(b"\0").decode(),
            records=list(self._records()),
            constants=self._bytes(h.constants_offset, h.constant_bytes),
            inputs=self._ports(h.inputs_offset, h.input_count, names),
            outputs=self._ports(h.outputs_offset, h.output_count, names),
            states=self._states(),
            arena_bytes=h.arena_bytes,
            state_bytes=h.state_bytes,
            layers=[layer.decode() for layer in layers],
        )

    def _bytes(self, offset: int, size: int) -> bytes:
        if offset + size > len(self.data):
            raise ValueError("a section leaves the file")
        return self.data[offset : offset + size]

    def _array(
        self, struct: type[ctypes.Structure], offset: int, count: int
    ) -> list[ctypes.Structure]:
        size = ctypes.sizeof(struct)
        data = self._bytes(offset, size * count)
        return [struct.from_buffer_copy(data, i * size) for i in range(count)]

    def _ports(self, offset: int, count: int, names: bytes) -> list[Port]:
        ports = []
        for io in self._array(structs("whit.h")["whit_io"], offset, count):
            quantization = None
            if io.scale > 0:
                quantization = Quantization.per_tensor(io.scale, io.zero_point)
            ports.append(
                Port(
                    names[io.name : names.index(b"\0", io.name)].decode(),
                    tuple(io.dims[: io.rank]),
                    DTYPES[io.dtype],
                    io.reference,
                    quantization,
                )
            )
        return ports

    def _states(self) -> list[StateSlot]:
        h = self.header
        slots = []
        for s in self._array(structs("whit.h")["whit_state"], h.states_offset, h.state_count):
            initial = None if s.initial == NONE else offset_of(s.initial)
            slots.append(StateSlot(s.offset, s.bytes, initial, s.fill))
        return slots

    def _records(self) -> Iterator[Record]:
        struct = structs("kernel.h")["whit_record"]
        data = self._bytes(self.header.records_offset, self.header.record_words * 4)
        position = 0
        while position < len(data):
            head = struct.from_buffer_copy(data, position)
            start = position + ctypes.sizeof(struct)
            params = start + 4 * head.operands
            end = position + 4 * head.words
            if not params <= end <= len(data):
                raise ValueError("a record leaves the section")
            yield Record(
                kernel_names()[head.kernel],
                head.layout,
                head.layer,
                tuple(int(r) for r in np.frombuffer(data[start:params], "<u4")),
                data[params:end],
                head.scratch_bytes,
            )
            position = end
