"""Bytes as they come, cut into messages. Pure: `connection` feeds it.

Memory grows with what comes, never with what a length claims.
"""

import struct
from typing import Final, Optional

from .errors import ProtocolError
from .messages import Message, Welcome
from .protocol import VERSION, parse

MESSAGE_BYTES_MAX: Final = 64 << 20
"""Longest message that is believed; a frame of the largest source is far below."""

_HEADER: Final = struct.Struct(">IBBH")
_OWN_BYTES: Final = 4
"""Bytes of the header that the length counts."""

_PROTOCOLS: Final = (
    (b"HTTP", "this is the box's HTTP port; the wire protocol is on 8090 by default"),
    (b"\x15\x03", "the box speaks TLS there: tls=True, or --tls"),
    (b"SSH-", "this is an SSH server"),
)
"""What else answers, by its first bytes."""


class Inbox:
    """What came of one connection."""

    def __init__(self) -> None:
        self.source = ""
        """The name that WELCOME gave."""
        self.is_welcome = False
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Takes what was read."""
        self._bytes += data

    def next(self) -> Optional[Message]:
        """The next whole message; `None` until more bytes came. Unknown types are passed over.

        Raises `ProtocolError` if the bytes are no messages of version 1.
        """
        while len(self._bytes) >= _HEADER.size:
            length, version, kind, _reserved = _HEADER.unpack_from(self._bytes)
            if version != VERSION or not _OWN_BYTES <= length <= MESSAGE_BYTES_MAX:
                raise self._foreign(length, version)
            end = length + 4
            if len(self._bytes) < end:
                return None
            body = bytes(memoryview(self._bytes)[_HEADER.size : end])
            del self._bytes[:end]
            message = parse(kind, body, self.source)
            if isinstance(message, Welcome):
                self.source, self.is_welcome = message.source, True
            if message is not None:
                return message
        return None

    def end(self) -> None:
        """The connection ended here. Raises `ProtocolError` if what answered was something else."""
        for opening, hint in _PROTOCOLS:
            if self._bytes.startswith(opening) and not self.is_welcome:
                raise ProtocolError("what answers does not speak Wigwag's wire protocol", hint)

    def _foreign(self, length: int, version: int) -> ProtocolError:
        self.end()
        if version != VERSION:
            return ProtocolError(f"a message of version {version} came, expected {VERSION}")
        return ProtocolError(f"a message of {length} bytes came, expected 4 to {MESSAGE_BYTES_MAX}")
