"""A box made of scripts, one for each connection that comes: for what a real one never does."""

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from typing import Any, Optional

DEADLINE_S = 60.0
"""Ends a test that can no longer pass; nothing waits for it otherwise."""

WELCOME, FRAME, PREDICTION, PING, NOTICE = 16, 17, 18, 19, 20
ACCEPTED, REFUSED, PUSHED_PREDICTION, ERROR = 21, 22, 23, 127

HAND = {
    "gesture": "Thumb_Up",
    "score": 0.93,
    "handedness": "Right",
    "box": [0.31, 0.42, 0.2, 0.35],
    "landmarks": [[0.4, 0.7, 0.0]] * 21,
}


def prediction_json(sequence: int, hands: Sequence[Any] = (HAND,)) -> dict[str, Any]:
    """A prediction as WIRE.md shows it."""
    return {
        "source": "cam0",
        "sequence": sequence,
        "capture_time_us": sequence * 1000,
        "age_ms": 17.2,
        "stale": False,
        "hands": list(hands),
        "model": "sha256:0",
        "generation": 3,
    }


def message(kind: int, body: bytes, version: int = 1) -> bytes:
    """A message, by the table of WIRE.md and not by the package."""
    return struct.pack(">IBBH", 4 + len(body), version, kind, 0) + body


def frame(sequence: int, jpeg: bytes = b"\xff\xd8\xff\xd9") -> bytes:
    """A FRAME of 640x480."""
    return message(FRAME, struct.pack(">QQII", sequence, sequence * 1000, 640, 480) + jpeg)


def prediction(sequence: int, data: Optional[bytes] = None) -> bytes:
    """A PREDICTION; with `data` in place of its JSON."""
    text = json.dumps(prediction_json(sequence)).encode() if data is None else data
    return message(PREDICTION, struct.pack(">QQ", sequence, sequence * 1000) + text)


def pushed_prediction(number: int, time_us: int, sequence: int) -> bytes:
    """A PUSHED_PREDICTION."""
    text = json.dumps(prediction_json(sequence)).encode()
    return message(PUSHED_PREDICTION, struct.pack(">QQQ", number, time_us, sequence) + text)


def accepted(number: int, sequence: int) -> bytes:
    """An ACCEPTED."""
    return message(ACCEPTED, struct.pack(">QQ", number, sequence))


def error(code: int, text: str = "no") -> bytes:
    """An ERROR."""
    return message(ERROR, struct.pack(">H", code) + text.encode())


def welcome(**more: Any) -> bytes:
    """A WELCOME to cam0."""
    data = {"source": "cam0", "server": "fake", "format": "jpeg", **more}
    return message(WELCOME, json.dumps(data).encode())


class Peer:
    """The client, as a script sees it."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(DEADLINE_S)
        self.sock = sock
        self._stream = sock.makefile("rb")

    def receive(self) -> tuple[int, bytes]:
        """Type and body of the client's next message; `EOFError` at the end."""
        head = self._stream.read(8)
        if len(head) < 8:
            raise EOFError
        length, version, kind, reserved = struct.unpack(">IBBH", head)
        assert (version, reserved) == (1, 0), (version, reserved)
        return kind, self._stream.read(length - 4)

    def receive_frame(self) -> tuple[int, int, bytes]:
        """Number, time and JPEG of the client's next PUSH_FRAME."""
        kind, body = self.receive()
        assert kind == 3, kind
        number, time_us = struct.unpack_from(">QQ", body)
        return number, time_us, body[16:]

    def send(self, data: bytes) -> None:
        """Sends all of it."""
        self.sock.sendall(data)

    def close(self) -> None:
        """Ends the connection, at once."""
        self._stream.close()
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def await_end(self) -> None:
        """Waits until the client is gone."""
        try:
            while self._stream.read(4096):
                pass
        except OSError:
            pass


Script = Callable[[Peer], None]


class FakeBox:
    """Listens, and plays a script for each connection; `with` ends it and raises what failed."""

    def __init__(self, *scripts: Script, context: Optional[ssl.SSLContext] = None) -> None:
        self._scripts = scripts
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(DEADLINE_S)
        self.port: int = self._listener.getsockname()[1]
        self._failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._play, daemon=True)

    def __enter__(self) -> "FakeBox":
        self._thread.start()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self._failures:
            # Wakes its accept.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(DEADLINE_S)
        self._listener.close()
        if error is None:
            for failure in self._failures:
                raise failure
            assert not self._thread.is_alive(), "not all scripts were played"

    def _play(self) -> None:
        try:
            for script in self._scripts:
                plain, _ = self._listener.accept()
                with plain:
                    self._play_one(plain, script)
        except BaseException as failure:
            self._failures.append(failure)
            self._refuse_for_ever()

    def _refuse_for_ever(self) -> None:
        """A client that tries again must not wait for a script that failed."""
        try:
            while True:
                sock, _ = self._listener.accept()
                with sock:
                    sock.sendall(error(1, f"the script failed: {self._failures}"))
                    Peer(sock).await_end()
        except OSError:
            pass

    def _play_one(self, plain: socket.socket, script: Script) -> None:
        if self._context is None:
            _play_on(plain, script)
            return
        # A client that does not like the certificate has its own say about that.
        with contextlib.suppress(OSError):
            with self._context.wrap_socket(plain, server_side=True) as safe:
                _play_on(safe, script)


def _play_on(sock: socket.socket, script: Script) -> None:
    peer = Peer(sock)
    try:
        script(peer)
    finally:
        peer.close()
