"""Client of a Wigwag box: watch its cameras, hear its gestures, push frames of your own.

`watch()`, `events()` and `push()` are iterators that connect again by themselves; `snapshot()` is
one picture. What they give is in `messages`, what they raise in `errors`. Everything goes over the
wire protocol that the box's WIRE.md describes, and needs nothing but the standard library.
"""

from .errors import (
    BoxError,
    CertificateError,
    MissingFeatureError,
    ProtocolError,
    RefusedError,
    TokenError,
    UnknownSourceError,
    UnreachableError,
    WigwagError,
)
from .messages import Event, Frame, Hand, Notice, Prediction, Refusal, Scene
from .pushing import Push, push
from .watching import Events, Watch, events, snapshot, watch

__all__ = [
    "BoxError",
    "CertificateError",
    "Event",
    "Events",
    "Frame",
    "Hand",
    "MissingFeatureError",
    "Notice",
    "Prediction",
    "ProtocolError",
    "Push",
    "Refusal",
    "RefusedError",
    "Scene",
    "TokenError",
    "UnknownSourceError",
    "UnreachableError",
    "Watch",
    "WigwagError",
    "events",
    "push",
    "snapshot",
    "watch",
]
