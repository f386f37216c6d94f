"""Names each check's outcome and waits for things to happen.

Neighbours: every `check_*.py` uses it; `checks.py` prints the last line. A check that fails is
named with its reason and the run goes on, so that one fault does not hide the next.
"""

import time
import traceback

# Long enough for an emulated machine on a busy host; a check waits this long only when it fails.
DEADLINE_S = 60


class CheckFailed(Exception):
    """What was expected did not come true; the text says what was seen instead."""


class Report:
    """Counts checks; `word` keeps scenarios out whose name does not contain it."""

    def __init__(self, word=""):
        self.word = word
        self.passed = 0
        self.failed = 0
        self.started = time.monotonic()

    def wants(self, scenario):
        """Whether this run includes a scenario."""
        return self.word in scenario

    def check(self, name):
        """A `with` block that is one check: it passes unless something is raised in it."""
        return _Check(self, name)

    def summary(self):
        """The last line of a run; gives the exit code."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0


class _Check:
    def __init__(self, report, name):
        self.report = report
        self.name = name

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        at = f"[{time.monotonic() - self.report.started:5.1f} s]"
        if error is None:
            self.report.passed += 1
            print(f"PASS {self.name} {at}", flush=True)
            return True
        if not isinstance(error, Exception):
            return False
        self.report.failed += 1
        reason = str(error) if isinstance(error, CheckFailed) else f"{kind.__name__}: {error}"
        print(f"FAIL {self.name}: {reason} {at}", flush=True)
        if not isinstance(error, (CheckFailed, OSError)):
            traceback.print_tb(trace)
        return True


def expect(condition, text):
    """Fails the check with `text` unless the condition holds."""
    if not condition:
        raise CheckFailed(text)


def wait_for(what, look, deadline_s=DEADLINE_S):
    """Calls `look` until it gives something true, and gives that.

    An `OSError` counts as "not yet", because a connection may be refused while a process starts.
    """
    give_up = time.monotonic() + deadline_s
    seen = None
    while True:
        try:
            seen = look()
            if seen:
                return seen
        except OSError as error:
            seen = error
        if time.monotonic() > give_up:
            raise CheckFailed(f"waited {deadline_s} s for {what}, last seen: {seen!r}")
        time.sleep(0.1)
