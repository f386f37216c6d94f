"""How long to wait before the next attempt to connect. Pure but for the dice that it is given."""

import random
from typing import Callable, Final

FIRST_S: Final = 0.1
"""The gateway of a box is back after a fraction of a second, and listens all the while."""
MAX_S: Final = 5.0
"""A box that is switched on again is found after that at the latest."""


class Backoff:
    """Doubles from `FIRST_S` to `MAX_S`, with jitter, so that many clients do not come at once."""

    def __init__(self, dice: Callable[[], float] = random.random) -> None:
        self._dice = dice
        self._failures = 0

    def worked(self) -> None:
        """A connection brought something: the next loss is a new one."""
        self._failures = 0

    def next_s(self, least_s: float = 0.0) -> float:
        """The pause after one more failure, in s; at least `least_s`, but for the jitter."""
        steady_s = max(least_s, min(MAX_S, FIRST_S * 2.0 ** min(self._failures, 16)))
        self._failures += 1
        # Between a half and the whole.
        return steady_s * (0.5 + 0.5 * self._dice())
