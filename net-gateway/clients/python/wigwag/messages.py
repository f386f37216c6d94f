"""What a box says, as values. `protocol` makes them of bytes; nothing here touches the network.

Times are µs since 1970 in UTC, by the box's clock. Boxes and landmarks are in fractions of the
frame, x to the right and y down.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Optional, Union

from . import pictures

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _moment(time_us: int) -> datetime:
    """The end of the calendar for what is beyond it: times come over the network."""
    try:
        return _EPOCH + timedelta(microseconds=time_us)
    except OverflowError:
        return datetime.max.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Frame:
    """One picture of a source."""

    source: str
    sequence: int
    """Rises with every frame of the source, also over restarts; gaps are what was skipped."""
    capture_time_us: int
    width_px: int
    height_px: int
    jpeg: bytes = field(repr=False)

    @property
    def capture_time(self) -> datetime:
        """When the frame was caught."""
        return _moment(self.capture_time_us)

    def image(self) -> Any:
        """The picture as a numpy array `[height, width, 3]`, u8, BGR.

        Raises `MissingFeatureError` without OpenCV, `ValueError` if the JPEG is damaged.
        """
        return pictures.decode(self.jpeg)


@dataclass(frozen=True)
class Hand:
    """One hand that was recognised."""

    gesture: str
    """`Thumb_Up`, `Open_Palm`, … or `None`, as the model calls it."""
    score: float
    handedness: str
    """`Right` or `Left`."""
    box: tuple[float, float, float, float]
    """x, y, width, height."""
    landmarks: tuple[tuple[float, float, float], ...]
    """21 points x, y, z."""


@dataclass(frozen=True)
class Scene:
    """What a frame shows as a whole, by a model that looks for no hands."""

    gesture: str
    """A label of the model; `None` says that there is no gesture."""
    score: float


@dataclass(frozen=True)
class Prediction:
    """What was recognised in one frame."""

    source: str
    sequence: int
    """Of the frame that it belongs to."""
    capture_time_us: int
    hands: tuple[Hand, ...]
    age_ms: float
    """Age of the frame when the gateway read the prediction."""
    stale: bool
    data: Mapping[str, Any] = field(repr=False)
    """All that the box said, also what this version of the package has no name for."""
    number: Optional[int] = None
    """Only of pushed frames: the place of the frame among those that were pushed, from 0."""
    pushed_time_us: Optional[int] = None
    """Only of pushed frames: when it was pushed, by this machine's clock."""
    scene: Optional[Scene] = None
    """Only of a model that sees whole frames; `hands` is empty then."""

    @property
    def capture_time(self) -> datetime:
        """When the frame was caught."""
        return _moment(self.capture_time_us)


@dataclass(frozen=True)
class Notice:
    """In place of frames, once a second while there are none: why."""

    source: str
    sequence: int
    """Of the last frame; 0 if there was none yet."""
    since_us: int
    """When the last frame was, or the trouble began."""
    text: str
    jpeg: bytes = field(repr=False)

    @property
    def since(self) -> datetime:
        """When the last frame was, or the trouble began."""
        return _moment(self.since_us)

    def image(self) -> Any:
        """The picture that says the same, as `Frame.image`."""
        return pictures.decode(self.jpeg)


@dataclass(frozen=True)
class Refusal:
    """One pushed frame that the box did not take; `code` and `text` say why."""

    number: int
    code: int
    text: str


@dataclass(frozen=True)
class Welcome:
    """The box's answer to a client that it lets in."""

    source: str
    data: Mapping[str, Any]

    def limit(self, name: str) -> Optional[int]:
        """A limit on pushed frames, such as `max_fps`; `None` if the box names none."""
        limits = self.data.get("limits")
        value = limits.get(name) if isinstance(limits, dict) else None
        is_number = isinstance(value, int) and not isinstance(value, bool) and value > 0
        return value if is_number else None


@dataclass(frozen=True)
class Ping:
    """Nothing else was sent for a while."""


@dataclass(frozen=True)
class Accepted:
    """One pushed frame was taken, and has this sequence now."""

    number: int
    sequence: int


@dataclass(frozen=True)
class Ended:
    """The box ends the connection; `errors.hopeless` says whether for good."""

    code: int
    text: str


Event = Prediction
"""What `events()` gives. Further kinds may come; tell them apart by `isinstance`."""

Message = Union[Welcome, Frame, Prediction, Ping, Notice, Accepted, Refusal, Ended]
"""Every message of a box that this version knows."""
