"""Where a box is, and how it is known to be the right one. Opens nothing.

With `tls=True` the system's certificate authorities decide, with `ca_file` those in a file. A box
that made its own certificate is known by its `fingerprint` instead, which `supervisor address`
shows there.
"""

import hashlib
import hmac
import ipaddress
import logging
import re
import ssl
from dataclasses import dataclass, field
from typing import Final, Optional, Union

from . import protocol
from .errors import CertificateError

PORT: Final = 8090
"""Where a box listens for the wire protocol by default."""

Tls = Union[bool, ssl.SSLContext]

_LOG = logging.getLogger("wigwag")
_FINGERPRINT_BYTES: Final = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Endpoint:
    """One box, as a client wants to reach it."""

    host: str
    port: int
    token: Optional[str] = field(default=None, repr=False)
    context: Optional[ssl.SSLContext] = None
    """TLS is spoken if there is one."""
    fingerprint: Optional[bytes] = None
    """SHA-256 of the certificate in DER; the only one that is taken."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def opening(self, first: bytes) -> bytes:
        """What is sent at first: who this is, if there is a token, then `first`."""
        return (protocol.auth(self.token) if self.token is not None else b"") + first

    def check_certificate(self, der: Optional[bytes]) -> None:
        """Raises `CertificateError` unless the certificate is the expected one."""
        if self.fingerprint is None:
            return
        found = hashlib.sha256(der or b"").digest()
        if not hmac.compare_digest(found, self.fingerprint):
            raise CertificateError(
                f"the certificate of {self} has the fingerprint {found.hex(':').upper()}, "
                "not the expected one",
                "if it has a new certificate, `supervisor address` there shows the fingerprint",
            )


def endpoint(
    host: str,
    port: int,
    token: Optional[str],
    tls: Tls,
    ca_file: Optional[str],
    fingerprint: Optional[str],
) -> Endpoint:
    """Checks what a caller gave; raises `ValueError` for what cannot be meant."""
    if not 1 <= port <= 65535:
        raise ValueError(f"port is {port}, expected 1 to 65535")
    if token is not None:
        protocol.auth(token)
    context = _context(tls, ca_file, fingerprint)
    if token is not None and context is None and not _is_this_machine(host):
        _LOG.warning("the token goes to %s unencrypted; tls=True encrypts it", host)
    pin = None if fingerprint is None else _parse_fingerprint(fingerprint)
    return Endpoint(host, port, token, context, pin)


def _context(
    tls: Tls, ca_file: Optional[str], fingerprint: Optional[str]
) -> Optional[ssl.SSLContext]:
    if ca_file is not None and fingerprint is not None:
        raise ValueError("ca_file and fingerprint were both given, expected one of them")
    if isinstance(tls, ssl.SSLContext):
        if ca_file is not None or fingerprint is not None:
            raise ValueError("tls is a context of its own, expected no ca_file or fingerprint")
        return tls
    if fingerprint is not None:
        # Nobody signed the box's own certificate, so its names prove nothing; the pin does.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls or ca_file is not None:
        try:
            context = ssl.create_default_context(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"ca_file `{ca_file}` cannot be used: {error}") from error
    else:
        return None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _parse_fingerprint(text: str) -> bytes:
    digits = re.sub(r"[\s:]", "", text)
    try:
        pin = bytes.fromhex(digits)
    except ValueError:
        pin = b""
    if len(pin) != _FINGERPRINT_BYTES:
        raise ValueError(
            f"the fingerprint is `{text}`, expected {_FINGERPRINT_BYTES} bytes in hex (SHA-256)"
        )
    return pin


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
