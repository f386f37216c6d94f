"""Sends frames of one's own to a box, and gives what was recognised in them.

`pace` decides when a frame goes, `feeder` has it, `link` carries it.
"""

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Callable, Final, Optional

from . import protocol
from .endpoint import PORT, Endpoint, Tls, endpoint
from .feeder import Feeder
from .linked import Linked
from .messages import Accepted, Message, Prediction, Refusal, Welcome
from .pace import IN_FLIGHT, PushPace
from .pictures import as_jpeg

TOO_LARGE: Final = 28
"""Code of a frame that is longer than the box takes. Source: WIRE.md, "Error codes"."""

_LOG = logging.getLogger("wigwag")


class Push(Linked):
    """An iterator over the predictions of frames that are pushed while it is read.

    For one thread at a time; `close` may be called from any.
    """

    def __init__(
        self,
        frames: Iterable[Any],
        box: Endpoint,
        source: Optional[str],
        pace: PushPace,
        live: bool,
        on_refused: Callable[[Refusal], None],
        give_up_after_s: Optional[float],
    ) -> None:
        self._pace = pace
        self._on_refused = on_refused
        super().__init__(box, protocol.push(source or ""), give_up_after_s)
        self._feeder: Feeder[Any] = Feeder(frames, live, self._link.waker.poke)
        self._max_frame_bytes: Optional[int] = None
        self._ready: deque[Prediction] = deque()
        self.source: Optional[str] = None
        """The source that the box gave this client; `None` before it let it in."""
        self.sent = 0
        """Frames that went out."""
        self.refused = 0
        """Frames that were not taken."""

    @property
    def skipped(self) -> int:
        """Frames of a live iterable that a newer one replaced before they could be sent."""
        return self._feeder.skipped

    def __iter__(self) -> Iterator[Prediction]:
        return self

    def __next__(self) -> Prediction:
        with self._held():
            while not self._link.waker.is_closed:
                if self._ready:
                    return self._ready.popleft()
                now_s = self._offer()
                if self._is_done():
                    self._feeder.finish()
                    break
                # Without a connection, or while it is full, only that counts.
                until = self._pace.look_again_at(now_s) if self._link.is_ready else None
                self._heard(self._link.receive(until))
        self._release()
        raise StopIteration

    def close(self) -> None:
        """Ends it, also while another thread reads. Frames under way get no prediction."""
        self._feeder.stop()
        super().close()

    def _let_go(self) -> None:
        self._feeder.stop()

    def _is_done(self) -> bool:
        """No frame will come, and nothing is waited for: what a lost connection had is lost."""
        return self._feeder.is_ended and (self._pace.is_idle or not self._link.is_in)

    def _offer(self) -> float:
        """Sends frames that wait, as long as it is time; gives the moment when it was not."""
        while True:
            now_s = time.monotonic()
            if not self._link.is_ready or not self._pace.may_send(now_s):
                return now_s
            waiting = self._feeder.take()
            if waiting is None:
                return now_s
            self._send(waiting[0], as_jpeg(waiting[1]), now_s)

    def _send(self, number: int, jpeg: bytes, now_s: float) -> None:
        most = self._max_frame_bytes
        if most is not None and len(jpeg) > most:
            text = f"the frame has {len(jpeg)} bytes, the box takes {most}"
            self._refusal(Refusal(number, TOO_LARGE, text))
            return
        self._pace.sent(number, now_s)
        self.sent += 1
        self._link.send(protocol.push_frame(number, time.time_ns() // 1000, jpeg))

    def _heard(self, message: Optional[Message]) -> None:
        if isinstance(message, Prediction) and message.number is not None:
            self._pace.predicted(message.number, time.monotonic())
            self._ready.append(message)
        elif isinstance(message, Accepted):
            self._pace.answered(message.number, True)
        elif isinstance(message, Refusal):
            self._pace.answered(message.number, False)
            self._refusal(message)
        elif isinstance(message, Welcome):
            # Frames that were under way on the connection before are lost.
            self.source = message.source
            self._max_frame_bytes = message.limit("max_frame_bytes")
            self._pace.reset(message.limit("max_fps"))

    def _refusal(self, refusal: Refusal) -> None:
        self.refused += 1
        self._on_refused(refusal)


def _log_refusal(refusal: Refusal) -> None:
    _LOG.warning("frame %d was refused: %s (code %d)", refusal.number, refusal.text, refusal.code)


def push(
    frames: Iterable[Any],
    source: Optional[str] = None,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    token: Optional[str] = None,
    tls: Tls = False,
    ca_file: Optional[str] = None,
    fingerprint: Optional[str] = None,
    live: bool = False,
    in_flight: int = IN_FLIGHT,
    fps: Optional[float] = None,
    on_refused: Callable[[Refusal], None] = _log_refusal,
    give_up_after_s: Optional[float] = None,
) -> Push:
    """Pushes frames to a source of type `push`: an iterator over their `Prediction`s.

    `frames`: JPEGs as bytes, or numpy arrays (BGR, needs OpenCV); drawn from in another thread.
    `source`: its name; without one any that is free for clients which name none. `live`: frames
    that come faster than they can be sent are left out, as with a camera; else the iterable waits.
    `in_flight`: frames that wait for recognition at a time; with 1 each gets its prediction, with
    more the rate is higher and some may get none. `fps`: at most so many a second; never more than
    the box takes.

    A prediction's `number` is the place of its frame in `frames`, from 0. After a loss it connects
    again and goes on with the next frame. `on_refused` is told of frames that the box does not
    take; by default they are logged. Everything else as `watch`.
    """
    box = endpoint(host, port, token, tls, ca_file, fingerprint)
    pace = PushPace(in_flight, fps)
    return Push(frames, box, source, pace, live, on_refused, give_up_after_s)
