"""A connection that comes back: opens it, opens it again after a loss, and tells what came.

Neighbours: `watching` and `pushing` ask it for messages; `connection` is one connection of it. What
the box refuses for good is raised; everything else is logged once and tried again.
"""

import logging
import time
from typing import Callable, Optional

from .backoff import Backoff
from .connection import Connection
from .dial import LostError, dial
from .endpoint import Endpoint
from .errors import ProtocolError, UnreachableError, hopeless, retry_after_s
from .messages import Ended, Message, Ping, Welcome
from .waker import Waker

_LOG = logging.getLogger("wigwag")


class Link:
    """Messages of one box, over as many connections as it takes."""

    def __init__(
        self, endpoint: Endpoint, first: bytes, give_up_after_s: Optional[float] = None
    ) -> None:
        self.waker = Waker()
        self.connections = 0
        """How often the box let this client in."""
        self._endpoint = endpoint
        self._opening = endpoint.opening(first)
        self._give_up_after_s = give_up_after_s
        self._connection: Optional[Connection] = None
        self._backoff = Backoff()
        self._is_welcome = False
        self._retry_at = self._good_at = time.monotonic()
        self._told: Optional[str] = None

    def close(self) -> None:
        """Ends it for good. By the thread that receives."""
        self._drop()
        self.waker.release()

    @property
    def is_in(self) -> bool:
        """Whether there is a connection, and the box has let this client in."""
        return self._connection is not None and self._is_welcome

    @property
    def is_ready(self) -> bool:
        """Whether it is in, and all that was sent is on its way."""
        connection = self._connection
        return connection is not None and self._is_welcome and not connection.is_sending

    def send(self, data: bytes) -> None:
        """Sends over the connection that there is; nothing without one."""
        if self._connection is not None:
            self._guard(lambda connection: connection.send(data))

    def receive(self, deadline: Optional[float]) -> Optional[Message]:
        """The next message: a `Welcome` begins each connection.

        `None`: the deadline (monotonic, s) came, the waker was touched, or the connection is lost.
        Raises what `errors` lists.
        """
        if self._connection is None and not self._connect(deadline):
            return None
        message = self._guard(lambda connection: connection.receive(deadline))
        if isinstance(message, Ended):
            self._end(message)
            return None
        if isinstance(message, Welcome):
            self._is_welcome = True
            self.connections += 1
        elif message is not None and not isinstance(message, Ping):
            self._worked()
        return message

    def _connect(self, deadline: Optional[float]) -> bool:
        """Connects once the pause is over; `False` if the wait ended before, or it failed."""
        while (now := time.monotonic()) < self._retry_at:
            if self.waker.is_closed or (deadline is not None and now >= deadline):
                return False
            until = self._retry_at if deadline is None else min(deadline, self._retry_at)
            if self.waker.wait(until - now):
                return False
        self._is_welcome = False
        try:
            sock = dial(self._endpoint, self.waker)
        except LostError as error:
            self._lost(str(error))
            return False
        self._connection = Connection(sock, self.waker)
        self.send(self._opening)
        return self._connection is not None

    def _guard(self, act: Callable[[Connection], Optional[Message]]) -> Optional[Message]:
        connection = self._connection
        if connection is None:
            return None
        try:
            return act(connection)
        except LostError as error:
            self._lost(str(error))
        except ProtocolError as error:
            if not self._is_welcome:
                raise
            # Let in, then garbage: a damaged connection. Another one may do.
            self._lost(str(error))
        return None

    def _end(self, ended: Ended) -> None:
        error = hopeless(ended.code, ended.text)
        if error is not None:
            self._drop()
            raise error
        self._lost(ended.text, retry_after_s(ended.code))

    def _lost(self, why: str, least_s: float = 0.0) -> None:
        self._drop()
        if self.waker.is_closed:
            return
        now = time.monotonic()
        patience_s = self._give_up_after_s
        if patience_s is not None and now - self._good_at >= patience_s:
            raise UnreachableError(f"{self._endpoint}: {why}", "is the box running there?")
        self._retry_at = now + self._backoff.next_s(least_s)
        if why != self._told:
            _LOG.warning("%s: %s; trying again", self._endpoint, why)
            self._told = why

    def _worked(self) -> None:
        self._good_at = time.monotonic()
        self._backoff.worked()
        if self._told is not None:
            _LOG.warning("%s: connected again", self._endpoint)
            self._told = None

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._is_welcome = False
        if connection is not None:
            connection.close()
