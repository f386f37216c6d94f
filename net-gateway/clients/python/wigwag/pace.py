"""Decides when the next frame is pushed, so that what comes back is never far behind.

Pure: it reads no clock and sends nothing. At most so many frames are on the line, which keeps a
slow network from filling up, and at most so many wait for recognition, which makes the rate follow
the box's own. A frame that recognition passed over gets no prediction: it is given up when that of
a later one comes, or after a while that follows how long predictions take.
"""

from typing import Final, Optional

IN_FLIGHT: Final = 2
"""Frames on the line, and frames that wait for recognition, by default: one that is worked on, and
one that is next."""
UNSEEN_MIN_S: Final = 0.4
UNSEEN_MAX_S: Final = 5.0
"""Between these a prediction is waited for."""
UNANSWERED_S: Final = 5.0
"""A frame that is not answered for so long counts as lost."""

_PATIENCE: Final = 4.0
"""How many times its usual time a prediction is waited for."""
_SMOOTH: Final = 0.2
"""Weight of the newest prediction in what is usual."""
_SLACK: Final = 0.1
"""So much of an interval a frame may be early, because cameras do not keep time to the ms. The rate
over many frames is kept all the same."""


class PushPace:
    """The pace of one client. Times are seconds of any clock that only rises."""

    def __init__(self, in_flight: int = IN_FLIGHT, fps: Optional[float] = None) -> None:
        if in_flight < 1:
            raise ValueError(f"in_flight is {in_flight}, expected at least 1")
        if fps is not None and not 0.0 < fps < float("inf"):
            raise ValueError(f"fps is {fps}, expected more than 0")
        self._in_flight = in_flight
        self._fps = fps
        self._usual_s = 0.0
        self.reset(None)

    def reset(self, max_fps: Optional[int]) -> None:
        """Starts over, as after a new connection to a box that takes `max_fps`."""
        rates = [rate for rate in (self._fps, max_fps) if rate]
        self._interval_s = 1.0 / min(rates) if rates else 0.0
        self._due_s = float("-inf")
        self._unanswered: dict[int, float] = {}
        self._unseen: dict[int, float] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nothing that was sent is waited for."""
        return not self._unanswered and not self._unseen

    def may_send(self, now_s: float) -> bool:
        """Whether a frame is to be sent now. Frames that are overdue are given up."""
        _forget(self._unanswered, now_s - UNANSWERED_S)
        _forget(self._unseen, now_s - self._unseen_s())
        if now_s < self._due_s - self._interval_s * _SLACK:
            return False
        return len(self._unanswered) < self._in_flight and len(self._unseen) < self._in_flight

    def look_again_at(self, now_s: float) -> Optional[float]:
        """When next `may_send` or `is_idle` may change by time alone; `None`: they do not."""
        times = [at_s + UNANSWERED_S for at_s in self._unanswered.values()]
        times += [at_s + self._unseen_s() for at_s in self._unseen.values()]
        times.append(self._due_s - self._interval_s * _SLACK)
        return min((at_s for at_s in times if at_s > now_s), default=None)

    def sent(self, number: int, now_s: float) -> None:
        """A frame went out."""
        self._due_s = max(self._due_s, now_s) + self._interval_s
        self._unanswered[number] = now_s

    def answered(self, number: int, is_taken: bool) -> None:
        """The box took the frame, or refused it."""
        at_s = self._unanswered.pop(number, None)
        if at_s is not None and is_taken:
            self._unseen[number] = at_s

    def predicted(self, number: int, now_s: float) -> None:
        """A prediction came back: older frames get none any more."""
        at_s = self._unseen.get(number)
        if at_s is not None:
            took_s = now_s - at_s
            weight = _SMOOTH if self._usual_s else 1.0
            self._usual_s += weight * (took_s - self._usual_s)
        for older in [seen for seen in self._unseen if seen <= number]:
            del self._unseen[older]

    def _unseen_s(self) -> float:
        return min(UNSEEN_MAX_S, max(UNSEEN_MIN_S, _PATIENCE * self._usual_s))


def _forget(waiting: dict[int, float], until_s: float) -> None:
    for number in [number for number, at_s in waiting.items() if at_s <= until_s]:
        del waiting[number]
