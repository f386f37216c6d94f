"""One connection to a box: bytes out, messages in, neither waiting for the other.

It never tries again: what fails raises `LostError`, and `link` decides. A wait ends with a message,
at its deadline, when the waker is touched, or when the box has been silent for too long.
"""

import selectors
import socket
import ssl
import time
from typing import Final, Optional

from .dial import LostError
from .inbox import Inbox
from .messages import Message
from .waker import Waker

SILENCE_S: Final = 15.0
"""A box sends at least a PING every 5 s. Source: WIRE.md."""

_READ_BYTES: Final = 256 * 1024
_READS_MAX: Final = 16
"""Reads in a row before messages are looked at."""
_NOT_NOW: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_AT_THE_END: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError)


class Connection:
    """One connection over a socket that never blocks."""

    def __init__(self, sock: socket.socket, waker: Waker, silence_s: float = SILENCE_S) -> None:
        self._socket = sock
        self._waker = waker
        self._silence_s = silence_s
        self._inbox = Inbox()
        self._outgoing = bytearray()
        self._heard_at = self._took_at = time.monotonic()
        self._has_more = False
        self._interest = selectors.EVENT_READ
        self._selector = selectors.DefaultSelector()
        self._selector.register(waker, selectors.EVENT_READ)
        self._selector.register(sock, self._interest)

    def close(self) -> None:
        """Ends it. What was not sent yet is dropped."""
        self._selector.close()
        self._socket.close()

    @property
    def is_sending(self) -> bool:
        """Whether something is not on its way yet."""
        return bool(self._outgoing)

    def send(self, data: bytes) -> None:
        """Sends as soon as the box takes it."""
        if not self._outgoing:
            self._took_at = time.monotonic()
        self._outgoing += data
        self._flush()

    def receive(self, deadline: Optional[float]) -> Optional[Message]:
        """The next message. `None` at the deadline (monotonic, s), or when the waker was touched.

        It looks for bytes once at least. Raises `LostError` and `ProtocolError`.
        """
        while True:
            message = self._inbox.next()
            if message is not None:
                return message
            has_come = self._exchange(deadline)
            if self._waker.take() or self._waker.is_closed:
                return self._inbox.next()
            now = time.monotonic()
            if now >= self._heard_at + self._silence_s:
                raise LostError(f"nothing came for {self._silence_s:.0f} s")
            if not has_come and deadline is not None and now >= deadline:
                return None

    def _exchange(self, deadline: Optional[float]) -> bool:
        """Waits, then sends and reads what is possible; whether bytes came."""
        interest = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outgoing else 0)
        if interest != self._interest:
            self._selector.modify(self._socket, interest)
            self._interest = interest
        until = self._heard_at + self._silence_s
        if deadline is not None:
            until = min(until, deadline)
        wait_s = 0.0 if self._has_more else until - time.monotonic()
        self._selector.select(max(0.0, wait_s))
        self._flush()
        return self._read()

    def _flush(self) -> None:
        try:
            while self._outgoing:
                count = self._socket.send(self._outgoing)
                del self._outgoing[:count]
                self._took_at = time.monotonic()
        except _NOT_NOW:
            if time.monotonic() >= self._took_at + self._silence_s:
                raise LostError(f"it took nothing for {self._silence_s:.0f} s") from None
        except OSError:
            # The box may have said why before it ended the connection: reading tells.
            self._outgoing.clear()

    def _read(self) -> bool:
        self._has_more = False
        for count in range(_READS_MAX):
            data = self._read_once()
            if data is None:
                return count > 0
            if not data and count > 0:
                # What came before the end is looked at first.
                break
            if not data:
                self._inbox.end()
                raise LostError("the box ended the connection")
            self._inbox.feed(data)
            self._heard_at = time.monotonic()
        self._has_more = True
        return True

    def _read_once(self) -> Optional[bytes]:
        """What is there; `None` if nothing is, empty at the end."""
        try:
            return self._socket.recv(_READ_BYTES)
        except _NOT_NOW:
            return None
        except _AT_THE_END:
            return b""
        except OSError as error:
            raise LostError(error.strerror or str(error)) from error
