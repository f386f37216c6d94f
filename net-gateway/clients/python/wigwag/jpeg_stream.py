"""JPEGs one behind the other, as in an MJPEG file or a pipe, cut apart. Pure; needs no OpenCV.

It follows the markers, because an end marker inside of a segment (a thumbnail) ends nothing. What
stands between two JPEGs is passed over.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Optional

JPEG_BYTES_MAX: Final = 64 << 20
"""What is longer is no JPEG but garbage that happened to begin like one."""

_BEGIN: Final = b"\xff\xd8"
_SEGMENT_LEN: Final = 2
# Markers without a length behind them: restarts, TEM. Source: ITU-T T.81, table B.1.
_BARE: Final = frozenset((*range(0xD0, 0xD8), 0x01))
_END: Final = 0xD9


def split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Each whole JPEG of a stream that comes in chunks. Raises `ValueError` for one without end."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while (jpeg := _first(waiting)) is not None:
            yield jpeg
        if len(waiting) > JPEG_BYTES_MAX:
            raise ValueError(f"a JPEG does not end within {JPEG_BYTES_MAX} bytes")


def _first(waiting: bytearray) -> Optional[bytes]:
    """Takes the first whole JPEG out; `None` if more must come."""
    begin = waiting.find(_BEGIN)
    if begin < 0:
        # The last byte may be the first of a begin marker.
        del waiting[:-1]
        return None
    del waiting[:begin]
    end = _end(waiting)
    if end is None:
        return None
    jpeg = bytes(memoryview(waiting)[:end])
    del waiting[:end]
    return jpeg


def _end(data: bytearray) -> Optional[int]:
    """Where the JPEG at the start of `data` ends; `None` if more must come."""
    at = len(_BEGIN)
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return None
        marker = data[at + 1]
        if marker == _END:
            return at + 2
        if marker == _BEGIN[1]:
            # The one before was cut; the next begins here.
            return at
        if marker == 0xFF:
            at += 1
        elif marker == 0 or marker in _BARE:
            # Inside of a scan: a stuffed byte, or a restart.
            at += 2
        else:
            if at + 2 + _SEGMENT_LEN > len(data):
                return None
            at += 2 + max(_SEGMENT_LEN, int.from_bytes(data[at + 2 : at + 4], "big"))
