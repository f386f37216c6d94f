"""The wire protocol, version 1: messages to bytes and back, as WIRE.md says.

Pure: no socket, no clock. What comes is input: every length is checked before it is used, and a
message that is not as documented raises `ProtocolError`. All integers are big-endian.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any, Callable, Final, Optional

from .errors import ProtocolError
from .messages import (
    Accepted,
    Ended,
    Frame,
    Hand,
    Message,
    Notice,
    Ping,
    Prediction,
    Refusal,
    Scene,
    Welcome,
)

VERSION: Final = 1
WANT_FRAMES: Final = 1
WANT_PREDICTIONS: Final = 2

TYPE_SUBSCRIBE: Final = 1
TYPE_PUSH: Final = 2
TYPE_PUSH_FRAME: Final = 3
TYPE_AUTH: Final = 4

NAME_BYTES_MAX: Final = 255
TOKEN_BYTES_MAX: Final = 255

_HEADER: Final = struct.Struct(">IBBH")
_OWN: Final = struct.Struct(">QQ")
_FRAME: Final = struct.Struct(">QQII")
_STAMP: Final = struct.Struct(">QQ")
_NOTICE: Final = struct.Struct(">QQH")
_REFUSAL: Final = struct.Struct(">QH")
_PUSHED: Final = struct.Struct(">QQQ")
_CODE: Final = struct.Struct(">H")


def _message(kind: int, body: bytes) -> bytes:
    return _HEADER.pack(4 + len(body), VERSION, kind, 0) + body


def _named(want: int, source: str) -> bytes:
    name = source.encode()
    if len(name) > NAME_BYTES_MAX:
        raise ValueError(f"the name of a source has {len(name)} bytes, expected 0 to 255")
    return bytes((want, len(name))) + name


def auth(token: str) -> bytes:
    """AUTH: who this is. Goes before SUBSCRIBE or PUSH; only an ERROR answers it."""
    secret = token.encode()
    if not 1 <= len(secret) <= TOKEN_BYTES_MAX:
        raise ValueError(f"the token has {len(secret)} bytes, expected 1 to {TOKEN_BYTES_MAX}")
    return _message(TYPE_AUTH, secret)


def subscribe(source: str, want: int) -> bytes:
    """SUBSCRIBE: what is wanted of which source; an empty name means the first one."""
    return _message(TYPE_SUBSCRIBE, _named(want, source))


def push(source: str) -> bytes:
    """PUSH: frames are going to come; an empty name means any source that is free for that."""
    return _message(TYPE_PUSH, _named(WANT_PREDICTIONS, source))


def push_frame(number: int, time_us: int, jpeg: bytes) -> bytes:
    """PUSH_FRAME: one frame, under a number and a time of the client's own."""
    head = _HEADER.pack(4 + _OWN.size + len(jpeg), VERSION, TYPE_PUSH_FRAME, 0)
    return b"".join((head, _OWN.pack(number, time_us), jpeg))


def parse(kind: int, body: bytes, source: str) -> Optional[Message]:
    """One message; `source` is the name that WELCOME gave. `None`: a type that is not known here.

    Raises `ProtocolError` if the body is not as its type demands.
    """
    parser = _PARSERS.get(kind)
    if parser is None:
        return None
    try:
        return parser(body, source)
    except (struct.error, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ProtocolError(f"a message of type {kind} is not as documented: {error}") from error


def _welcome(body: bytes, _source: str) -> Message:
    data = _json(body)
    return Welcome(_text(data["source"]), data)


def _frame(body: bytes, source: str) -> Message:
    sequence, time_us, width_px, height_px = _FRAME.unpack_from(body)
    return Frame(source, sequence, time_us, width_px, height_px, body[_FRAME.size :])


def _prediction(body: bytes, source: str) -> Message:
    sequence, time_us = _STAMP.unpack_from(body)
    return _predicted(source, (sequence, time_us), _json(body[_STAMP.size :]))


def _pushed_prediction(body: bytes, source: str) -> Message:
    number, pushed_time_us, sequence = _PUSHED.unpack_from(body)
    data = _json(body[_PUSHED.size :])
    stamp = (sequence, _whole(data.get("capture_time_us", 0)))
    return _predicted(source, stamp, data, number, pushed_time_us)


def _predicted(
    source: str,
    stamp: tuple[int, int],
    data: Mapping[str, Any],
    number: Optional[int] = None,
    pushed_time_us: Optional[int] = None,
) -> Prediction:
    return Prediction(
        source=source,
        sequence=stamp[0],
        capture_time_us=stamp[1],
        hands=tuple(_hand(hand) for hand in _list(data["hands"])),
        age_ms=float(data.get("age_ms", 0.0)),
        stale=bool(data.get("stale", False)),
        data=data,
        number=number,
        pushed_time_us=pushed_time_us,
        scene=_scene(data["scene"]) if "scene" in data else None,
    )


def _scene(value: Any) -> Scene:
    return Scene(gesture=_text(value["gesture"]), score=float(value["score"]))


def _hand(value: Any) -> Hand:
    x, y, width, height = _list(value["box"])
    return Hand(
        gesture=_text(value["gesture"]),
        score=float(value["score"]),
        handedness=_text(value["handedness"]),
        box=(float(x), float(y), float(width), float(height)),
        landmarks=tuple(_point(point) for point in _list(value["landmarks"])),
    )


def _point(value: Any) -> tuple[float, float, float]:
    x, y, z = _list(value)
    return float(x), float(y), float(z)


def _ping(_body: bytes, _source: str) -> Message:
    return Ping()


def _notice(body: bytes, source: str) -> Message:
    sequence, since_us, text_len = _NOTICE.unpack_from(body)
    jpeg_at = _NOTICE.size + text_len
    if jpeg_at > len(body):
        raise ValueError("the text is longer than its message")
    text = body[_NOTICE.size : jpeg_at].decode(errors="replace")
    return Notice(source, sequence, since_us, text, body[jpeg_at:])


def _accepted(body: bytes, _source: str) -> Message:
    number, sequence = _STAMP.unpack_from(body)
    return Accepted(number, sequence)


def _refused(body: bytes, _source: str) -> Message:
    number, code = _REFUSAL.unpack_from(body)
    return Refusal(number, code, body[_REFUSAL.size :].decode(errors="replace"))


def _error(body: bytes, _source: str) -> Message:
    (code,) = _CODE.unpack_from(body)
    return Ended(code, body[_CODE.size :].decode(errors="replace"))


def _json(body: bytes) -> dict[str, Any]:
    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    data = json.loads(body.decode(), parse_constant=refuse)
    if not isinstance(data, dict):
        raise TypeError("the JSON is no object")
    return data


def _list(value: Any) -> "list[Any]":
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} where a list is expected")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text is expected")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{type(value).__name__} where a whole number is expected")
    return value


# A message that comes to the protocol later gets a line here and a dataclass in `messages`.
_PARSERS: Final[dict[int, Callable[[bytes, str], Message]]] = {
    16: _welcome,
    17: _frame,
    18: _prediction,
    19: _ping,
    20: _notice,
    21: _accepted,
    22: _refused,
    23: _pushed_prediction,
    127: _error,
}
