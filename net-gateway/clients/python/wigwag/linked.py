"""What everything that has a link has in common: it is let go of once, whoever ends it.

`link` connects and connects again; `watching` and `pushing` say what goes over it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Optional, TypeVar

from .endpoint import Endpoint
from .link import Link

L = TypeVar("L", bound="Linked")


class Linked:
    """One client of a box, for one thread at a time; `close` may be called from any."""

    def __init__(self, box: Endpoint, greeting: bytes, give_up_after_s: Optional[float]) -> None:
        self._is_released = True
        self._link = Link(box, greeting, give_up_after_s)
        self._is_released = False

    @property
    def connections(self) -> int:
        """How often the box let this client in: 1 at first, +1 after each loss."""
        return self._link.connections

    def close(self) -> None:
        """Ends it, also while another thread waits for it."""
        self._link.waker.close()

    def __enter__(self: L) -> L:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._release()

    def __del__(self) -> None:
        self._release()

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Lets go of everything if what is done meanwhile fails."""
        try:
            yield
        except BaseException:
            self._release()
            raise

    def _release(self) -> None:
        # It may have failed before it had anything.
        if not getattr(self, "_is_released", True):
            self._is_released = True
            self._let_go()
            self._link.close()

    def _let_go(self) -> None:
        """Lets go of what there is beside the link."""
