"""Ends a wait on the network from another thread, at once."""

import selectors
import socket


class Waker:
    """One end is waited on beside the network, the other is touched by whoever has news."""

    def __init__(self) -> None:
        self._waits, self._touches = socket.socketpair()
        self._waits.setblocking(False)
        self._touches.setblocking(False)
        self.is_closed = False
        """Whatever waits is to end for good."""

    def fileno(self) -> int:
        """For a selector: readable while there is news."""
        return self._waits.fileno()

    def poke(self) -> None:
        """There is news. From any thread."""
        try:
            self._touches.send(b"!")
        except OSError:
            # Full: it is poked already. Or closed: nobody waits any more.
            pass

    def close(self) -> None:
        """Ends what waits, for good. From any thread."""
        self.is_closed = True
        self.poke()

    def take(self) -> bool:
        """Whether there was news since the last time."""
        try:
            return bool(self._waits.recv(4096))
        except OSError:
            return False

    def wait(self, timeout_s: float) -> bool:
        """Waits for news; whether there was any."""
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            selector.select(max(0.0, timeout_s))
        return self.take()

    def release(self) -> None:
        """Gives its sockets back. By the thread that waits, when it will not wait again."""
        self.is_closed = True
        self._waits.close()
        self._touches.close()
