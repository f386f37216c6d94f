"""What goes wrong for good, and who is told.

Trouble that passes (the box restarts, the network is away, a limit is reached) raises nothing: the
iterators connect again. `retry_after_s` is the whole decision for what a box says, a pure function.
"""

from typing import Final, Optional

# Codes of ERROR that mean: not like this. Source: WIRE.md, "Error codes".
_TOKEN_CODES: Final = frozenset({9, 10, 11})
_NEEDS_TLS_CODE: Final = 13
_SOURCE_CODES: Final = frozenset({5, 20})
_HOPELESS_CODES: Final = frozenset({1, 2, 3, 4, 23, 26, 28, 29})
# What may take its time: someone else must go first, or attempts are limited.
_LATER_CODES: Final = frozenset({6, 12, 21, 22, 25})

LATER_S: Final = 2.0
"""Least pause before the next attempt where the box says "later"."""


class WigwagError(Exception):
    """Anything that this package raises by itself. `hint` says what to do, if that is known."""

    def __init__(self, text: str, hint: Optional[str] = None) -> None:
        super().__init__(text)
        self.hint = hint


class ProtocolError(WigwagError):
    """What answers does not speak the wire protocol, version 1."""


class CertificateError(WigwagError):
    """The box's certificate is not the one that is expected, or TLS fails for good."""


class UnreachableError(WigwagError):
    """Nobody answered for as long as the caller wanted to try."""


class MissingFeatureError(WigwagError):
    """Something was asked for that needs a module which is not installed, or a display."""


class BoxError(WigwagError):
    """The box ended the connection and said why. `code` is that of the ERROR message."""

    def __init__(self, code: int, text: str, hint: Optional[str] = None) -> None:
        super().__init__(f"{text} (code {code})", hint)
        self.code = code


class RefusedError(BoxError):
    """The box does not take this client, or its frames."""


class UnknownSourceError(BoxError):
    """There is no such source, or it is none that clients push to."""


class TokenError(BoxError):
    """A token is needed, is not known, or does not allow this."""


def hopeless(code: int, text: str) -> Optional[BoxError]:
    """The error to raise for an ERROR of the box; `None` where trying again makes sense."""
    if code in _TOKEN_CODES:
        return TokenError(
            code, text, "`supervisor token NAME --roles watch,push` on the box makes one"
        )
    if code == _NEEDS_TLS_CODE:
        return RefusedError(code, text, "tls=True, or --tls; or give its fingerprint")
    if code in _SOURCE_CODES:
        return UnknownSourceError(code, text, "`supervisor status` on the box names its sources")
    if code in _HOPELESS_CODES:
        return RefusedError(code, text)
    return None


def retry_after_s(code: int) -> float:
    """Least pause before the next attempt after an ERROR that is not hopeless."""
    return LATER_S if code in _LATER_CODES else 0.0
