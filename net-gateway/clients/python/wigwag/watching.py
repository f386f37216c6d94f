"""What a box sees, as iterators: `watch` with pictures, `events` without, `snapshot` for one.

Each is for one thread at a time; `close` may be called from any.
"""

import time
from collections import deque
from collections.abc import Iterator
from typing import Final, Optional, Union

from . import protocol
from .endpoint import PORT, Endpoint, Tls, endpoint
from .errors import UnreachableError
from .linked import Linked
from .messages import Event, Frame, Message, Notice, Prediction

Watched = Union[Frame, Prediction, Notice]
"""What `watch()` gives."""

_GATHER_MAX: Final = 256
"""Messages that are looked at in search of the newest frame."""


class Stream(Linked):
    """What a box sends to one client. It connects by itself, again and again."""

    _kinds: tuple[type, ...] = (Frame, Prediction, Notice)
    """The messages that are given on."""

    def __init__(
        self,
        box: Endpoint,
        source: Optional[str],
        want: int,
        newest: bool,
        give_up_after_s: Optional[float],
    ) -> None:
        self._newest = newest
        self._ready: deque[Watched] = deque()
        self.skipped = 0
        """Frames that came and were left out, because a newer one was there already."""
        super().__init__(box, protocol.subscribe(source or "", want), give_up_after_s)

    def _get(self, timeout_s: Optional[float]) -> Optional[Watched]:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with self._held():
            while not self._link.waker.is_closed:
                self._gather(deadline)
                if self._ready:
                    return self._ready.popleft()
                if deadline is not None and time.monotonic() >= deadline:
                    return None
        self._release()
        return None

    def _gather(self, deadline: Optional[float]) -> None:
        """Waits for one message if none is ready; then takes what is there already."""
        if not self._ready:
            self._keep(self._link.receive(deadline))
        for _ in range(_GATHER_MAX if self._newest else 0):
            if not self._link.is_in:
                break
            message = self._link.receive(0.0)
            if message is None:
                break
            self._keep(message)

    def _keep(self, message: Optional[Message]) -> None:
        if not isinstance(message, (Frame, Prediction, Notice)):
            return
        if not isinstance(message, self._kinds):
            return
        if self._newest and isinstance(message, (Frame, Notice)):
            self.skipped += sum(isinstance(item, Frame) for item in self._ready)
            self._ready = deque(item for item in self._ready if isinstance(item, Prediction))
        self._ready.append(message)

    def _let_go(self) -> None:
        self._ready.clear()


class Watch(Stream):
    """An iterator over frames, predictions and notices of one source, as they come."""

    def __iter__(self) -> Iterator[Watched]:
        return self

    def __next__(self) -> Watched:
        item = self.get()
        if item is None:
            raise StopIteration
        return item

    def get(self, timeout_s: Optional[float] = None) -> Optional[Watched]:
        """The next item; `None` if none came in time, or the stream is closed.

        Raises what the box refuses for good; see `errors`.
        """
        return self._get(timeout_s)


class Events(Stream):
    """An iterator over the predictions of one source, each once."""

    _kinds = (Prediction,)

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        item = self.get()
        if item is None:
            raise StopIteration
        return item

    def get(self, timeout_s: Optional[float] = None) -> Optional[Event]:
        """As `Watch.get`."""
        item = self._get(timeout_s)
        return item if isinstance(item, Prediction) else None


def watch(
    source: Optional[str] = None,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    token: Optional[str] = None,
    tls: Tls = False,
    ca_file: Optional[str] = None,
    fingerprint: Optional[str] = None,
    frames: bool = True,
    predictions: bool = True,
    newest: bool = True,
    give_up_after_s: Optional[float] = None,
) -> Watch:
    """Watches a source: an iterator over `Frame`, `Prediction` and `Notice`.

    `source`: its name; without one the first of the box. `newest`: a frame that waits here is left
    out when a newer one has come; predictions never are. `give_up_after_s`: raise
    `UnreachableError` after so long without anything; without it, it tries for ever.

    `token`, `tls`, `ca_file`, `fingerprint`: see `endpoint`. Raises `ValueError` for what cannot be
    meant, and while it is read what `errors` lists.
    """
    if not frames and not predictions:
        raise ValueError("neither frames nor predictions are wanted, expected one of them")
    want = (protocol.WANT_FRAMES if frames else 0) | (
        protocol.WANT_PREDICTIONS if predictions else 0
    )
    box = endpoint(host, port, token, tls, ca_file, fingerprint)
    return Watch(box, source, want, newest, give_up_after_s)


def events(
    source: Optional[str] = None,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    token: Optional[str] = None,
    tls: Tls = False,
    ca_file: Optional[str] = None,
    fingerprint: Optional[str] = None,
    give_up_after_s: Optional[float] = None,
) -> Events:
    """Hears what is recognised: an iterator over `Prediction`, without any pictures.

    Everything else as `watch`.
    """
    box = endpoint(host, port, token, tls, ca_file, fingerprint)
    return Events(box, source, protocol.WANT_PREDICTIONS, False, give_up_after_s)


def snapshot(
    source: Optional[str] = None,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    token: Optional[str] = None,
    tls: Tls = False,
    ca_file: Optional[str] = None,
    fingerprint: Optional[str] = None,
    timeout_s: float = 10.0,
) -> Frame:
    """The next frame of a source. Everything as `watch`.

    Raises `UnreachableError` if none comes in time, with the notice if there is one instead.
    """
    why = "no frame came"
    until = time.monotonic() + timeout_s
    with watch(
        source,
        host=host,
        port=port,
        token=token,
        tls=tls,
        ca_file=ca_file,
        fingerprint=fingerprint,
        predictions=False,
    ) as stream:
        while (left_s := until - time.monotonic()) > 0:
            item = stream.get(left_s)
            if isinstance(item, Frame):
                return item
            if isinstance(item, Notice):
                why = item.text
    raise UnreachableError(f"no frame within {timeout_s:g} s: {why}")
