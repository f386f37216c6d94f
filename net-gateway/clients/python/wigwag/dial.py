"""Opens a socket to a box, with TLS agreed on if that is wanted. Sends nothing of the protocol.

Every wait ends at its deadline, or at once when the waker is closed.
"""

import errno
import os
import selectors
import socket
import ssl
import time
from typing import Any, Final

from .endpoint import Endpoint
from .errors import CertificateError
from .waker import Waker

CONNECT_S: Final = 5.0
"""For each address of a host: to be connected, and to agree on TLS."""
RECEIVE_BUFFER_BYTES: Final = 256 * 1024
"""What the kernel may keep for a client that is slow: frames waiting there only become old."""

_CONNECTS_LATER: Final = (errno.EINPROGRESS, errno.EWOULDBLOCK)


class LostError(Exception):
    """A connection is no more, or did not come about. It may be tried again."""


def dial(endpoint: Endpoint, waker: Waker) -> socket.socket:
    """Connects to the first address of the host that answers; the socket never blocks.

    Raises `LostError`, also when the waker is closed meanwhile, and `CertificateError`.
    """
    trouble = "it has no address"
    for family, address in _addresses(endpoint):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            return _connected(sock, address, endpoint, waker)
        except OSError as error:
            sock.close()
            trouble = str(error)
        except LostError as error:
            sock.close()
            trouble = str(error)
        except BaseException:
            sock.close()
            raise
    raise LostError(trouble)


def _addresses(endpoint: Endpoint) -> list[tuple[int, Any]]:
    try:
        found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise LostError(f"its address cannot be found: {error}") from error
    return [(family, address) for family, _, _, _, address in found]


def _connected(
    sock: socket.socket, address: Any, endpoint: Endpoint, waker: Waker
) -> socket.socket:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    deadline = time.monotonic() + CONNECT_S
    code = sock.connect_ex(address)
    if code in _CONNECTS_LATER:
        _await(sock, selectors.EVENT_WRITE, deadline, waker)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code != 0:
        raise LostError(os.strerror(code))
    if endpoint.context is None:
        return sock
    safe = endpoint.context.wrap_socket(
        sock, server_hostname=endpoint.host, do_handshake_on_connect=False
    )
    try:
        _agree(safe, endpoint, deadline, waker)
    except BaseException:
        safe.close()
        raise
    return safe


def _agree(sock: ssl.SSLSocket, endpoint: Endpoint, deadline: float, waker: Waker) -> None:
    while True:
        try:
            sock.do_handshake()
            break
        except ssl.SSLWantReadError:
            _await(sock, selectors.EVENT_READ, deadline, waker)
        except ssl.SSLWantWriteError:
            _await(sock, selectors.EVENT_WRITE, deadline, waker)
        except ssl.SSLCertVerificationError as error:
            raise CertificateError(
                f"the certificate of {endpoint} is not trusted: {error.verify_message}",
                "give the fingerprint that `supervisor address` shows on the box, or a file with "
                "the certificate of who signed it",
            ) from error
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError) as error:
            raise LostError("it ended the connection before TLS was agreed on") from error
        except ssl.SSLError as error:
            raise CertificateError(
                f"{endpoint} does not agree on TLS: {error.reason or error}",
                "a box without [tls] in its config is reached without TLS",
            ) from error
    endpoint.check_certificate(sock.getpeercert(binary_form=True))


def _await(sock: socket.socket, interest: int, deadline: float, waker: Waker) -> None:
    """Waits until the socket is ready. Mere news for whoever dials are for later."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, interest)
        selector.register(waker, selectors.EVENT_READ)
        while not waker.is_closed:
            wait_s = deadline - time.monotonic()
            if wait_s <= 0:
                raise LostError(f"it does not answer within {CONNECT_S:.0f} s")
            if any(key.fileobj is sock for key, _ in selector.select(wait_s)):
                return
            waker.take()
    raise LostError("closed by this side")
