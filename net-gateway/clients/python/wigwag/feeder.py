"""Draws frames from an iterable in a thread of its own, so that waiting for a camera never delays
what comes from the box.

At most one frame waits. Of a live iterable a newer one replaces it; any other is not drawn from
before there is room.
"""

import threading
from collections.abc import Iterable
from typing import Callable, Generic, Optional, TypeVar

T = TypeVar("T")


class Feeder(Generic[T]):
    """The newest frame of an iterable, with its place there, from 0."""

    def __init__(self, frames: Iterable[T], is_live: bool, tell: Callable[[], None]) -> None:
        self._is_live = is_live
        self._tell = tell
        self._changed = threading.Condition()
        self._waiting: Optional[tuple[int, T]] = None
        self._is_ended = self._is_stopped = False
        self._error: Optional[BaseException] = None
        self.skipped = 0
        """Frames that a newer one replaced."""
        # A daemon: a camera that gives nothing any more must not keep the program from ending.
        thread = threading.Thread(target=self._run, args=(frames,), daemon=True)
        thread.name = "wigwag-frames"
        thread.start()

    def take(self) -> Optional[tuple[int, T]]:
        """The frame that waits, if there is one."""
        with self._changed:
            waiting, self._waiting = self._waiting, None
            self._changed.notify_all()
            return waiting

    @property
    def is_ended(self) -> bool:
        """Whether no frame waits, and none will."""
        with self._changed:
            return self._is_ended and self._waiting is None

    def finish(self) -> None:
        """Raises what the iterable raised, if that was its end."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Draws no more frames. It does not wait for one that is being drawn."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def _run(self, frames: Iterable[T]) -> None:
        try:
            for place, frame in enumerate(frames):
                if not self._put(place, frame):
                    return
        except Exception as error:
            self._error = error
        finally:
            with self._changed:
                self._is_ended = True
            self._tell()

    def _put(self, place: int, frame: T) -> bool:
        with self._changed:
            if self._waiting is not None and self._is_live:
                self.skipped += 1
            self._waiting = (place, frame)
        self._tell()
        with self._changed:
            while not self._is_live and self._waiting is not None and not self._is_stopped:
                self._changed.wait()
            return not self._is_stopped
