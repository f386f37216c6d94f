"""Where `wigwag-push` has its frames from: cameras, video files, folders, MJPEG files, pipes.

Each is an iterator over JPEGs or arrays. What is not there or cannot be read raises `WigwagError`.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Optional

from . import pictures
from .errors import WigwagError
from .jpeg_stream import split

STDIN: Final = "-"

_CHUNK_BYTES: Final = 64 * 1024
_JPEG_NAMES: Final = (".jpg", ".jpeg")
_OTHER_NAMES: Final = (".png", ".bmp", ".webp")
_STREAM_NAMES: Final = (".mjpeg", ".mjpg")


@dataclass
class FrameSource:
    """Frames, and how they want to be sent."""

    frames: Iterator[Any]
    is_live: bool
    """They come by themselves: what cannot be sent in time is left out."""
    fps: Optional[float] = None
    """Their own rate, if they have one that is to be kept."""


def open_source(name: str, loop: bool = False) -> FrameSource:
    """What `name` stands for: `-`, a camera's number or device, a folder, a file."""
    if name == STDIN:
        return FrameSource(split(_chunks(sys.stdin.buffer)), is_live=True)
    if name.isdigit() or re.fullmatch(r"/dev/video\d+", name):
        return _camera(name)
    path = Path(name)
    if not path.exists():
        raise WigwagError(f"`{name}` is not there", "give a file, a folder, a camera, or -")
    if path.is_dir():
        _pictures_in(path)
        return FrameSource(_again(loop, lambda: _folder(path)), is_live=False)
    if path.suffix.lower() in _STREAM_NAMES + _JPEG_NAMES:
        return FrameSource(_again(loop, lambda: _jpeg_file(path)), is_live=False)
    return _video(path, loop)


def _again(loop: bool, begin: Any) -> Iterator[Any]:
    while True:
        count = 0
        for frame in begin():
            count += 1
            yield frame
        if not loop or count == 0:
            return


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    # `read1`: what a pipe has is taken as soon as it is there.
    read = getattr(stream, "read1", stream.read)
    while chunk := read(_CHUNK_BYTES):
        yield chunk


def _jpeg_file(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as stream:
            yield from split(_chunks(stream))
    except (OSError, ValueError) as error:
        raise WigwagError(f"`{path}` cannot be read: {error}") from error


def _pictures_in(path: Path) -> list[Path]:
    try:
        names = sorted(entry for entry in path.iterdir() if _is_picture(entry))
    except OSError as error:
        raise WigwagError(f"`{path}` cannot be read: {error}") from error
    if not names:
        kinds = ", ".join(_JPEG_NAMES + _OTHER_NAMES)
        raise WigwagError(f"there are no pictures in `{path}`", f"they end in {kinds}")
    return names


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in _JPEG_NAMES + _OTHER_NAMES


def _folder(path: Path) -> Iterator[Any]:
    for name in _pictures_in(path):
        try:
            data = name.read_bytes()
        except OSError as error:
            raise WigwagError(f"`{name}` cannot be read: {error}") from error
        is_jpeg = name.suffix.lower() in _JPEG_NAMES
        yield data if is_jpeg else pictures.decode(data)


def _camera(name: str) -> FrameSource:
    cv2 = pictures.opencv("a camera")
    index = int(re.sub(r"\D", "", name))
    # V4L2 itself: OpenCV's other ways in do not know a camera by its number.
    capture = cv2.VideoCapture(index, cv2.CAP_V4L2)
    if not capture.isOpened():
        raise WigwagError(
            f"the camera `{name}` cannot be opened",
            "is it plugged in, free, and may you use it (group `video`)?",
        )
    # Many cameras give 30 frames a second as MJPEG only.
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter_fourcc(*"MJPG"))
    return FrameSource(_captured(capture), is_live=True)


def _video(path: Path, loop: bool) -> FrameSource:
    cv2 = pictures.opencv("a video file")

    def begin() -> Iterator[Any]:
        capture = cv2.VideoCapture(str(path))
        if not capture.isOpened():
            raise WigwagError(f"`{path}` is no video that OpenCV can read")
        return _captured(capture)

    probe = cv2.VideoCapture(str(path))
    if not probe.isOpened():
        raise WigwagError(f"`{path}` is no video that OpenCV can read")
    fps = float(probe.get(cv2.CAP_PROP_FPS))
    probe.release()
    return FrameSource(_again(loop, begin), is_live=False, fps=fps if 0 < fps < 1000 else None)


def _captured(capture: Any) -> Iterator[Any]:
    try:
        while True:
            is_there, frame = capture.read()
            if not is_there:
                return
            yield frame
    finally:
        capture.release()


def changed(frames: Iterator[Any], mirror: bool, width_px: Optional[int]) -> Iterator[Any]:
    """The frames mirrored, and no wider than that. As they are, if neither is wanted."""
    if not mirror and width_px is None:
        yield from frames
        return
    cv2 = pictures.opencv("mirroring or scaling")
    for frame in frames:
        image = pictures.decode(frame) if isinstance(frame, bytes) else frame
        if mirror:
            image = cv2.flip(image, 1)
        height, width = image.shape[:2]
        if width_px is not None and width > width_px:
            size = (width_px, max(1, round(height * width_px / width)))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        yield image
