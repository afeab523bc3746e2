"""A program as text: every record with its operands and parameters, as an executor sees them."""

from __future__ import annotations

from collections.abc import Iterator

from whit.runtime.kernel_table import kernels
from whit.runtime.tape import NONE, REGIONS, Port, Program, Record, offset_of, region_of


def dump(program: Program) -> str:
    """Header lines, then one line a record: `layer: kernel operand@offset ... {parameters}`."""
    return "\n".join(_lines(program)) + "\n"


def place(ref: int) -> str:
    """A reference as `region+offset`, or `-` for an absent operand."""
    if ref == NONE:
        return "-"
    region = region_of(ref)
    return f"{REGIONS.get(region, f'region{region}')}+{offset_of(ref)}"


def _lines(program: Program) -> Iterator[str]:
    yield (
        f"program {program.name} for {program.target}: arena {program.arena_bytes}, "
        f"state {program.state_bytes}, constants {len(program.constants)}"
    )
    for kind, ports in (("input", program.inputs), ("output", program.outputs)):
        for port in ports:
            yield f"{kind} {_port(port)}"
    for slot in program.states:
        source = f"byte {slot.fill}" if slot.initial is None else f"constants+{slot.initial}"
        yield f"state+{slot.offset}: {slot.bytes} bytes, initially {source}"
    for record in program.records:
        layer = program.layers[record.layer] if record.layer < len(program.layers) else "?"
        yield f"{layer}: {_record(record)}"


def _port(port: Port) -> str:
    shape = ",".join(map(str, port.shape))
    return f"{port.name}: {port.dtype.value}[{shape}] at {place(port.reference)}"


def _record(record: Record) -> str:
    access = kernels()[record.kernel].access
    operands = " ".join(
        f"{letter}:{place(ref)}" for letter, ref in zip(access, record.references, strict=False)
    )
    layout = f" layout {record.layout}" if record.layout else ""
    scratch = f" scratch {record.scratch_bytes}" if record.scratch_bytes else ""
    params = ", ".join(f"{k}={_value(v)}" for k, v in record.unpacked().items())
    return f"{record.kernel}{layout} {operands}{scratch} {{{params}}}"


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ",".join(map(str, value)) + "]"
    return f"{value:.9g}" if isinstance(value, float) else str(value)
