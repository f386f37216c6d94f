"""`wigwag-view`: shows a source of a box in a window with the hands that it sees, prints them, or
keeps the frames. `window` is the window.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from ..messages import Frame, Notice, Prediction
from ..watching import watch
from . import options, window
from .wording import hands_line, json_line

_EXAMPLES = """\
  wigwag-view                             the first source of this machine's box, in a window
  wigwag-view door --box 192.168.1.7      another one, of another box
  wigwag-view --text                      what is recognised, in lines of text
  wigwag-view --save frames/ --count 100  the next 100 frames as JPEGs"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The command; gives its exit code."""
    parser = options.parser(
        "wigwag-view",
        "Shows a source of a Wigwag box with the hands that it sees; q or Escape ends.",
        _EXAMPLES,
    )
    parser.add_argument("source", nargs="?", help="name of the source (default: the first)")
    parser.add_argument("--mirror", action="store_true", help="show it as a mirror does")
    parser.add_argument(
        "--text", action="store_true", help="print predictions instead; needs no OpenCV"
    )
    parser.add_argument("--json", action="store_true", help="print them as lines of JSON")
    parser.add_argument(
        "--save", metavar="FOLDER", help="keep each frame there instead, as SOURCE-SEQUENCE.jpg"
    )
    parser.add_argument(
        "--count",
        metavar="N",
        type=options.count,
        help="end after so many frames, or predictions if only those are printed",
    )
    parsed = parser.parse_args(arguments)
    return options.run(lambda: _view(parsed))


def _view(wanted: argparse.Namespace) -> None:
    box = options.box_arguments(wanted)
    is_printed = wanted.text or wanted.json
    if wanted.save is None and not is_printed:
        window.check()
        with watch(wanted.source, **box) as stream:
            window.show(stream, wanted.mirror, wanted.count)
        return
    folder = None if wanted.save is None else Path(wanted.save)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    _print_and_save(wanted, box, folder, is_printed)


def _print_and_save(
    wanted: argparse.Namespace, box: dict[str, Any], folder: Optional[Path], is_printed: bool
) -> None:
    wants_frames = folder is not None
    left = wanted.count
    with watch(
        wanted.source, frames=wants_frames, predictions=is_printed, newest=False, **box
    ) as stream:
        for item in stream:
            if isinstance(item, Prediction):
                line = json_line(item) if wanted.json else f"{item.sequence} {hands_line(item)}"
                print(line, flush=True)
            elif isinstance(item, Notice):
                print(item.text, file=sys.stderr)
            elif folder is not None:
                (folder / file_name(item)).write_bytes(item.jpeg)
            is_counted = isinstance(item, Frame if wants_frames else Prediction)
            if left is not None and is_counted:
                left -= 1
                if left == 0:
                    return


def file_name(frame: Frame) -> str:
    """A plain name: that of the source comes over the network, and must not lead elsewhere."""
    source = re.sub(r"[^A-Za-z0-9_-]", "_", frame.source)[:64]
    return f"{source}-{frame.sequence:010}.jpg"


if __name__ == "__main__":
    sys.exit(main())
