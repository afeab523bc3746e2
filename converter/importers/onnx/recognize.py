"""Recognizing an ONNX file by content: the protobuf fields of `ModelProto` in its first bytes."""

from __future__ import annotations

_VARINT, _BYTES = 0, 2
_IR_VERSION, _GRAPH = 1, 7
# ModelProto of onnx.proto: field number -> wire type.
_FIELDS = {
    _IR_VERSION: _VARINT, 2: _BYTES, 3: _BYTES, 4: _BYTES, 5: _VARINT, 6: _BYTES, _GRAPH: _BYTES,
    8: _BYTES, 14: _BYTES, 20: _BYTES, 25: _BYTES, 26: _BYTES,
}


def _varint(data: bytes, at: int) -> tuple[int, int] | None:
    """(value, position after it); None where it does not end within 10 bytes of `data`."""
    value = 0
    for count, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, at + count + 1
    return None


def is_onnx(head: bytes) -> bool:
    """Whether `head` starts a ModelProto: an IR version, and known fields up to the graph."""
    at, seen = 0, set()
    while at < len(head):
        tag = _varint(head, at)
        if tag is None or _FIELDS.get(tag[0] >> 3) != tag[0] & 7:
            return False
        seen.add(tag[0] >> 3)
        if _GRAPH in seen and _IR_VERSION in seen:
            return True
        value = _varint(head, tag[1])
        if value is None:
            return False
        at = value[1] + (value[0] if tag[0] & 7 == _BYTES else 0)
    return _GRAPH in seen and _IR_VERSION in seen
