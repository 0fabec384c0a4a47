"""The frames of the long connection: protobuf messages of nine fields, read and written by hand (docs/decisions.md).

`Frame{1 SeqID, 2 LogID, 3 service, 4 method (0 control, 1 data), 5 headers{1 key, 2 value}[], 6 payload_encoding,
7 payload_type, 8 payload, 9 LogIDNew}`; the first four are always written.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

CONTROL, DATA = 0, 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTHS: Final = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT: Final = 10
_MASK64: Final = (1 << 64) - 1
_MOST_HEADERS: Final = 64


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `headers` as they came: an answer carries those of its question."""

    sequence: int = 0
    log: int = 0
    service: int = 0
    method: int = CONTROL
    headers: Mapping[str, str] = field(default_factory=dict)
    encoding: str = ""
    kind: str = ""
    payload: bytes = b""
    trace: str = ""

    def answered(self, payload: bytes, headers: Mapping[str, str]) -> "Frame":
        """The frame that answers this one."""
        return replace(self, payload=payload, headers={**self.headers, **headers})


def ping(service: int) -> Frame:
    """What keeps a connection alive."""
    return Frame(service=service, headers={"type": "ping"})


def written(frame: Frame) -> bytes:
    """The frame's bytes."""
    out = bytearray()
    for number, value in enumerate((frame.sequence, frame.log, frame.service, frame.method), start=1):
        out += _varint(number << 3) + _varint(value & _MASK64)
    for key, item in frame.headers.items():
        out += _field(5, _field(1, key.encode()) + _field(2, item.encode()))
    for number, text in ((6, frame.encoding), (7, frame.kind)):
        out += _field(number, text.encode()) if text else b""
    out += _field(8, frame.payload) if frame.payload else b""
    out += _field(9, frame.trace.encode()) if frame.trace else b""
    return bytes(out)


def read(data: bytes) -> Frame | None:
    """The frame in these bytes; None where they are none. Unknown fields are passed over."""
    numbers = {1: 0, 2: 0, 3: 0, 4: 0}
    texts = {6: b"", 7: b"", 8: b"", 9: b""}
    headers: dict[str, str] = {}
    try:
        for number, value in _fields(data):
            if number in numbers and isinstance(value, int):
                numbers[number] = value
            elif number in texts and isinstance(value, bytes):
                texts[number] = value
            elif number == 5 and isinstance(value, bytes):
                if len(headers) == _MOST_HEADERS:
                    return None
                pair = {key: item for key, item in _fields(value) if isinstance(item, bytes)}
                headers[pair.get(1, b"").decode()] = pair.get(2, b"").decode()
        encoding, kind, trace = (texts[number].decode() for number in (6, 7, 9))
    except (ValueError, IndexError):
        return None
    service, method = _signed(numbers[3]), _signed(numbers[4])
    return Frame(numbers[1], numbers[2], service, method, headers, encoding, kind, texts[8], trace)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        tag, at = _number(data, at)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("field 0")
        if kind == _VARINT:
            value, at = _number(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            length, at = _number(data, at)
        elif kind in _WIDTHS:
            length = _WIDTHS[kind]
        else:
            raise ValueError(f"wire type {kind}")
        if at + length > len(data):
            raise ValueError("cut off")
        yield number, data[at : at + length]
        at += length


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(_LONGEST_VARINT):
        byte = data[at + shift]
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value & _MASK64, at + shift + 1
    raise ValueError("a number without an end")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def _signed(value: int) -> int:
    """An int32 as it was meant: negative numbers are written as 64 bits."""
    return value - (1 << 64) if value >> 63 else value
