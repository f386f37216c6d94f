"""JPEG to array and back, where OpenCV is installed; nothing else of the package imports it.

Without it everything works but what needs pixels, which then says so.
"""

from typing import Any

from .errors import MissingFeatureError

HINT = "pip install opencv-python, or apt-get install python3-opencv"


def opencv(what: str) -> Any:
    """The module `cv2`; raises `MissingFeatureError` that names `what` needs it."""
    try:
        import cv2
    except ImportError as error:
        raise MissingFeatureError(f"{what} needs OpenCV: {error}", HINT) from error
    return cv2


def decode(jpeg: bytes) -> Any:
    """The picture as an array `[height, width, 3]`, u8, BGR; `ValueError` if it is damaged."""
    cv2 = opencv("a picture as an array")
    import numpy

    image = cv2.imdecode(numpy.frombuffer(jpeg, numpy.uint8), cv2.IMREAD_COLOR) if jpeg else None
    if image is None:
        raise ValueError(f"a JPEG of {len(jpeg)} bytes cannot be decoded")
    return image


def encode(image: Any, quality: int = 85) -> bytes:
    """An array `[height, width]` (grey) or `[height, width, 3]` (BGR), u8, as JPEG."""
    cv2 = opencv("pushing arrays")
    try:
        is_made, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error as error:
        raise ValueError(f"a frame is no picture that becomes a JPEG: {error}") from error
    if not is_made:
        raise ValueError("a frame is no picture that becomes a JPEG")
    return bytes(jpeg)


def as_jpeg(frame: Any) -> bytes:
    """A frame of either kind as JPEG: bytes are believed to be one, arrays are encoded."""
    if isinstance(frame, (bytes, bytearray, memoryview)):
        return bytes(frame)
    if hasattr(frame, "shape") and hasattr(frame, "dtype"):
        return encode(frame)
    kind = type(frame).__name__
    raise TypeError(f"a frame is {kind}, expected the bytes of a JPEG or a numpy array")
