"""What the commands share: where the box is, how to get in, and how errors are told.

A token comes from the environment or a file, never from the command line: every user of a machine
sees the command lines of all its processes, and shells keep them in their history.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Optional

from ..endpoint import PORT
from ..errors import WigwagError

TOKEN_VARIABLE: Final = "WIGWAG_TOKEN"

# Source: the shell's convention for a program that SIGINT ended.
_INTERRUPTED: Final = 130


def parser(program: str, about: str, examples: str) -> argparse.ArgumentParser:
    """A parser with the options of every command."""
    made = argparse.ArgumentParser(
        prog=program,
        description=about,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    box = made.add_argument_group("the box")
    box.add_argument(
        "--box",
        metavar="HOST[:PORT]",
        default="127.0.0.1",
        help=f"its wire protocol (default: 127.0.0.1:{PORT})",
    )
    box.add_argument(
        "--token-file",
        metavar="FILE",
        help=f"file with the token, if the box wants one; or set {TOKEN_VARIABLE}. There is no "
        "option for the token itself, because `ps` would show it to every user of this machine",
    )
    box.add_argument(
        "--tls", action="store_true", help="encrypt, and check the box by the system's authorities"
    )
    box.add_argument("--ca-file", metavar="PEM", help="the same by the authorities in a file")
    box.add_argument(
        "--fingerprint",
        metavar="SHA256",
        help="the same by the certificate's fingerprint, for a box with a certificate of its own; "
        "`supervisor address` shows it there",
    )
    return made


def box_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `watch` and `push` that say where the box is; raises `WigwagError`."""
    host, port = parse_box(options.box)
    return {
        "host": host,
        "port": port,
        "token": _token(options.token_file),
        "tls": options.tls,
        "ca_file": options.ca_file,
        "fingerprint": options.fingerprint,
    }


def parse_box(text: str) -> tuple[str, int]:
    """`host`, `host:port`, `[::1]:port` or `::1`; raises `WigwagError`."""
    host, port = text, str(PORT)
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else port
    elif text.count(":") == 1:
        host, port = text.split(":")
    if not host or not port.isascii() or not port.isdigit():
        raise WigwagError(f"--box is `{text}`, expected a host or host:port")
    return host, int(port)


def _token(file: Optional[str]) -> Optional[str]:
    if file is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    try:
        token = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise WigwagError(f"the token file `{file}` cannot be read: {error}") from error
    if not token:
        raise WigwagError(f"the token file `{file}` is empty")
    return token


def count(text: str) -> int:
    """A number of 1 or more, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"it is {value}, expected 1 or more")
    return value


def rate(text: str) -> float:
    """A rate of more than 0, for argparse."""
    value = float(text)
    if not 0.0 < value <= 1000.0:
        raise argparse.ArgumentTypeError(f"it is {text}, expected more than 0, at most 1000")
    return value


def run(act: Callable[[], None]) -> int:
    """Runs a command; its errors go to stderr as `error:` and `hint:`. Gives the exit code."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    try:
        act()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read has read enough, as `head` does. Nothing more can be written, not even at
        # the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (WigwagError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        hint = getattr(error, "hint", None)
        if hint:
            print(f"hint: {hint}", file=sys.stderr)
        return 1
    return 0
