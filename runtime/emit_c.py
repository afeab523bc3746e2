"""A program as C source: `const` arrays for flash and a table of just the kernels it uses.

Nothing but the arena and the state memory, which the caller owns, needs RAM. The same program
gives the same text, byte for byte.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from whit.converter.errors import InputError
from whit.runtime.kernel_table import defines, kernels
from whit.runtime.tape import (
    CONSTANTS,
    NONE,
    REGIONS,
    Port,
    Program,
    Record,
    StateSlot,
    offset_of,
    pack_port,
    reference,
    region_of,
)

_WORDS_A_LINE = 8
_BYTES_A_LINE = 24


def digest(program: Program) -> int:
    """CRC-32 of the program's `.whit` file: tells one program from another."""
    return zlib.crc32(program.to_bytes())


def emit(program: Program, name: str = "model") -> dict[str, str]:
    """The text of `<name>.c` and `<name>.h`, by file name.

    The header declares `<name>_program` and the macros `<NAME>_ARENA_BYTES`, `<NAME>_STATE_BYTES`
    and `<NAME>_DIGEST`. Raises InputError where `name` cannot begin a C identifier.
    """
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
        raise InputError(f"'{name}' cannot name C declarations; use letters, digits and '_'")
    return {f"{name}.h": _header(program, name), f"{name}.c": _source(program, name)}


def kernel_function(kernel: str, layout: int) -> str:
    """The C function of a kernel in a layout. Layout 0 is the portable set's."""
    if layout:
        raise InputError(f"no kernel set defines {kernel} in layout {layout}; recompile the model")
    return f"whit_{kernel}_generic"


def _comment(text: str) -> str:
    """`text` made safe inside a C comment and on one line."""
    printable = "".join(c if c.isprintable() and c.isascii() else "?" for c in text)
    return printable.replace("*/", "* /").replace("/*", "/ *")


def _shape(port: Port) -> str:
    return f"{port.dtype.value}[{','.join(map(str, port.shape))}]"


def _header(program: Program, name: str) -> str:
    upper = name.upper()
    ports = [("Input", i, p) for i, p in enumerate(program.inputs)]
    ports += [("Output", i, p) for i, p in enumerate(program.outputs)]
    listing = "\n".join(
        f" * {kind} {i}: {_comment(port.name)}, {_shape(port)}{_real(port)}"
        for kind, i, port in ports
    )
    return f"""\
/* Model '{_comment(program.name)}' for {_comment(program.target)}, made by whit.
 *
 *     WHIT_ALIGNED static uint8_t arena[{upper}_ARENA_BYTES];
{_usage_state(program, upper)} *     whit_instance net;
 *     whit_init(&net, &{name}_program, arena, sizeof arena, {_usage_init(program)});
 *     memcpy(whit_input(&net, 0), samples, {name}_program.inputs[0].bytes);
 *     whit_run(&net);
 *
{listing}
 */
#ifndef WHIT_MODEL_{upper}_H
#define WHIT_MODEL_{upper}_H

#include "whit/whit.h"

#define {upper}_ARENA_BYTES {program.arena_bytes}u
#define {upper}_STATE_BYTES {program.state_bytes}u
#define {upper}_DIGEST 0x{digest(program):08x}u

#ifdef __cplusplus
extern "C" {{
#endif

extern const whit_program {name}_program;

#ifdef __cplusplus
}}
#endif

#endif
"""


def _usage_state(program: Program, upper: str) -> str:
    if not program.state_bytes:
        return ""
    return f" *     WHIT_ALIGNED static uint8_t state[{upper}_STATE_BYTES];\n"


def _usage_init(program: Program) -> str:
    return "state, sizeof state" if program.state_bytes else "NULL, 0"


def _real(port: Port) -> str:
    if port.quantization is None:
        return ""
    scale, zero = port.quantization.scale[0], int(port.quantization.zero_point[0])
    difference = f"(stored - {zero})" if zero >= 0 else f"(stored + {-zero})"
    return f", real = {float(scale):.9g} * {difference}"


def _source(program: Program, name: str) -> str:
    alignment = defines("whit.h")["WHIT_ALIGNMENT"]
    if len(program.constants) > defines("kernel.h")["WHIT_OFFSET_MASK"]:
        raise InputError(f"model '{program.name}': its constants exceed what a program can address")
    names, io = _names_and_io(program)
    parts = [
        f"/* Model '{_comment(program.name)}' for {_comment(program.target)}, made by whit. */\n",
        f'#include "{name}.h"\n\n#include "whit/kernel.h"\n',
        f"#if WHIT_CONTRACT_VERSION != {defines('kernel.h')['WHIT_CONTRACT_VERSION']} || "
        f"WHIT_ALIGNMENT != {alignment}\n"
        "#error made for another version of the whit runtime; build the model again\n#endif\n",
        _kernels(program),
        "/* A record: kernel and layout, operand count and words, layer, scratch; references;\n"
        " * parameters. See whit/kernel.h. */\n"
        f"static const uint32_t records[] = {{\n{_records(program)}}};\n",
    ]
    if program.constants:
        parts.append(
            f"WHIT_ALIGNED static const uint8_t constants[{len(program.constants)}] = {{\n"
            f"{_byte_lines(program.constants)}}};\n"
        )
    parts.append(f"static const char names[] =\n{names};\n")
    parts += [_ports(kind, io[kind]) for kind in ("inputs", "outputs") if io[kind]]
    if program.states:
        rows = "".join(f"    {_state(slot)},\n" for slot in program.states)
        parts.append(f"static const whit_state states[] = {{\n{rows}}};\n")
    parts.append(_program(program, name))
    return "\n".join(parts)


def _kernels(program: Program) -> str:
    used = [(kernels()[kernel].id, kernel, layout) for kernel, layout in program.kernels]
    functions = [kernel_function(kernel, layout) for _, kernel, layout in used]
    if not used:
        return ""
    declarations = "".join(f"whit_kernel_run {function};\n" for function in functions)
    rows = "".join(
        f"    {{WHIT_KEY({number}, {layout}), {function}}},\n"
        for (number, _, layout), function in zip(used, functions, strict=True)
    )
    return f"{declarations}\nstatic const whit_kernel kernels[] = {{\n{rows}}};\n"


def _records(program: Program) -> str:
    lines: list[str] = []
    layer = -1
    for record in program.records:
        title = _comment(program.layers[record.layer]) if program.layers else ""
        if record.layer != layer:
            layer = record.layer
            lines.append(f"    /* {layer}: {title} */")
        lines.append(f"    /* {record.kernel} */")
        lines += _word_lines(record)
    if not lines:
        return "    0\n"
    return "\n".join(lines) + "\n"


def _word_lines(record: Record) -> Iterator[str]:
    words = np.frombuffer(record.to_bytes(), "<u4")
    for start in range(0, len(words), _WORDS_A_LINE):
        row = (f"0x{word:08x}u" for word in words[start : start + _WORDS_A_LINE])
        yield f"    {', '.join(row)},"


def _byte_lines(data: bytes) -> str:
    texts = [str(byte) for byte in range(256)]
    return "".join(
        f"    {','.join([texts[b] for b in data[start : start + _BYTES_A_LINE]])},\n"
        for start in range(0, len(data), _BYTES_A_LINE)
    )


def _names_and_io(program: Program) -> tuple[str, dict[str, list[str]]]:
    literals: list[str] = []
    io: dict[str, list[str]] = {"inputs": [], "outputs": []}
    offset = 0
    for kind, ports in (("inputs", program.inputs), ("outputs", program.outputs)):
        for port in ports:
            raw = port.name.replace("\0", " ").encode()
            literals.append(f'    "{_escaped(raw)}\\0"')
            io[kind].append(_port(port, offset))
            offset += len(raw) + 1
    return "\n".join(literals) or '    ""', io


def _escaped(raw: bytes) -> str:
    """The inside of a C string literal; octal escapes have three digits, so they end themselves."""
    plain = set(range(32, 127)) - set(b'"\\?')
    return "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in raw)


def _reference(ref: int) -> str:
    if ref == NONE:
        return "WHIT_NONE"
    return f"(WHIT_{REGIONS[region_of(ref)].upper()} << WHIT_REGION_SHIFT) | {offset_of(ref)}u"


def _port(port: Port, name: int) -> str:
    packed = pack_port(port, name)
    dims = ", ".join(f"{extent}u" for extent in port.shape) or "0"
    scale = float(packed.scale)
    return (
        f"{{.name = {name}u, .reference = {_reference(port.reference)},\n"
        f"     .bytes = {port.bytes}u, .dtype = WHIT_{port.dtype.name}, "
        f".rank = {len(port.shape)}, .dims = {{{dims}}},\n"
        f"     .scale = {_float(scale)}, .zero_point = {packed.zero_point}}}"
    )


def _float(value: float) -> str:
    """A C literal of exactly this float32: hexadecimal, so that nobody rounds it."""
    return "0.0f" if value == 0 else f"{value.hex()}f"


def _ports(kind: str, rows: Sequence[str]) -> str:
    return f"static const whit_io {kind}[] = {{\n" + "".join(f"    {r},\n" for r in rows) + "};\n"


def _state(slot: StateSlot) -> str:
    initial = NONE if slot.initial is None else reference(CONSTANTS, slot.initial)
    return (
        f"{{.offset = {slot.offset}u, .bytes = {slot.bytes}u, .initial = {_reference(initial)}, "
        f".fill = {slot.fill & 0xFF}u}}"
    )


def _program(program: Program, name: str) -> str:
    def table(present: object, array: str) -> str:
        return array if present else "NULL"

    words = len(program.record_bytes()) // 4
    return f"""\
const whit_program {name}_program = {{
    .records = records,
    .record_words = {words}u,
    .constants = {table(program.constants, "constants")},
    .constant_bytes = {len(program.constants)}u,
    .names = names,
    .inputs = {table(program.inputs, "inputs")},
    .outputs = {table(program.outputs, "outputs")},
    .states = {table(program.states, "states")},
    .input_count = {len(program.inputs)},
    .output_count = {len(program.outputs)},
    .state_count = {len(program.states)},
    .kernel_count = {len(program.kernels)},
    .arena_bytes = {name.upper()}_ARENA_BYTES,
    .state_bytes = {name.upper()}_STATE_BYTES,
    .kernels = {table(program.records, "kernels")},
}};
"""
