"""A viewer of `/stream/{source}`: stays connected, and takes every part apart as it comes.

Neighbours: `box.py` opens it; the checks look at what it saw. The webcam's JPEGs say in a comment
who sent them, their number, and a checksum over all of their bytes (`usb-camera/src/picture.rs`),
so that "passed through byte for byte" is checked on every single frame.
"""

import re
import socket
import threading
import zlib
from collections import namedtuple

STAMP = re.compile(rb"usb-camera (\S+) (\d+) ([0-9a-f]{8})")
# Parts kept; older ones are only counted.
PARTS_KEPT = 4000

Part = namedtuple("Part", "sequence capture_time_us serial number is_intact jpeg_bytes")


def stamp_of(jpeg):
    """(serial, number, is_intact) of a webcam's JPEG; (None, None, is_whole) of any other."""
    is_whole = jpeg.startswith(b"\xff\xd8") and jpeg.rstrip(b"\0").endswith(b"\xff\xd9")
    found = STAMP.search(jpeg[:4096])
    if not found:
        return None, None, is_whole
    start, end = found.span(3)
    # A driver may pad a frame with zeros after its end; they are no part of the JPEG.
    bare = jpeg[:start] + b"0" * 8 + jpeg[end:]
    bare = bare[: bare.rfind(b"\xff\xd9") + 2]
    is_intact = is_whole and f"{zlib.crc32(bare):08x}".encode() == found.group(3)
    return found.group(1).decode(), int(found.group(2)), is_intact


class Viewer:
    """One connection; never reconnects, so that a lost connection shows."""

    def __init__(self, address, source):
        self.parts = []
        self.dropped_parts = 0
        self.last_jpeg = b""
        self.ended = None
        self.lock = threading.Lock()
        self.link = socket.create_connection(address, timeout=60)
        # A source may be silent for long; only the box may end the connection.
        self.link.settimeout(None)
        request = f"GET /stream/{source} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        self.link.sendall(request.encode())
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def close(self):
        """Leaves."""
        try:
            self.link.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(10)
        self.link.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def since(self, mark):
        """Parts after the first `mark` ones of this connection."""
        with self.lock:
            return self.parts[max(0, mark - self.dropped_parts):]

    def mark(self):
        """How many parts came so far."""
        with self.lock:
            return self.dropped_parts + len(self.parts)

    def _read(self):
        try:
            self._read_parts(_Body(self.link))
        except (OSError, ValueError) as error:
            self.ended = str(error)
        self.ended = self.ended or "end of stream"

    def _read_parts(self, body):
        while True:
            headers = body.headers()
            if "content-length" not in headers:
                raise ValueError(f"a part without Content-Length: {headers}")
            jpeg = body.exactly(int(headers["content-length"]))
            if "x-wigwag-notice" in headers:  # in place of frames while there are none
                continue
            serial, number, is_intact = stamp_of(jpeg)
            part = Part(
                int(headers.get("x-wigwag-sequence", -1)),
                int(headers.get("x-wigwag-capture-time-us", -1)),
                serial,
                number,
                is_intact,
                len(jpeg),
            )
            with self.lock:
                self.last_jpeg = jpeg
                self.parts.append(part)
                if len(self.parts) > PARTS_KEPT:
                    self.parts.pop(0)
                    self.dropped_parts += 1


class _Body:
    """The body of the answer as one stream of bytes, whether it is sent in chunks or not."""

    def __init__(self, link):
        self.file = link.makefile("rb")
        status = self.file.readline()
        if b" 200 " not in status:
            raise ValueError(f"the stream answered {status.decode().strip()!r}")
        self.is_chunked = False
        while (line := self.file.readline().strip().lower()) != b"":
            self.is_chunked |= line == b"transfer-encoding: chunked"
        self.buffer = b""

    def _more(self):
        if not self.is_chunked:
            return self.file.read1(65536)
        size = int(self.file.readline().strip() or b"0", 16)
        data = self.file.read(size)
        self.file.readline()
        return data

    def _fill(self):
        data = self._more()
        if not data:
            raise ValueError("end of stream")
        self.buffer += data

    def exactly(self, count):
        """The next `count` bytes."""
        while len(self.buffer) < count:
            self._fill()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def headers(self):
        """The headers of the next part, names in lower case."""
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            self._fill()
        block, self.buffer = self.buffer[:end], self.buffer[end + 4:]
        lines = [line.decode("latin-1") for line in block.split(b"\r\n") if b":" in line]
        pairs = (line.split(":", 1) for line in lines)
        return {name.strip().lower(): value.strip() for name, value in pairs}
