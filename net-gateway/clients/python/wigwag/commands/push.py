"""`wigwag-push`: pushes a camera, a video or pictures to a box, and prints what it sees in them."""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Optional

from ..errors import WigwagError
from ..frame_sources import changed, open_source
from ..messages import Prediction
from ..pushing import push
from . import options
from .wording import hands_line, json_line

_EXAMPLES = """\
  wigwag-push 0 --source phone            a webcam
  wigwag-push clip.mp4 --loop             a video, again and again, to any free source
  wigwag-push pictures/ --each --json     every picture of a folder, what is seen as JSON
  ffmpeg -i rtsp://camera/ -c:v mjpeg -f mjpeg - | wigwag-push - --source door"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The command; gives its exit code."""
    parser = options.parser(
        "wigwag-push",
        "Pushes frames to a Wigwag box and prints what it recognises in them.",
        _EXAMPLES,
    )
    parser.add_argument(
        "input",
        help="a webcam's number, /dev/videoN, a video or MJPEG file, a folder of pictures, or - "
        "for MJPEG from a pipe; cameras and videos need OpenCV",
    )
    parser.add_argument(
        "--source", metavar="NAME", help="source of type `push` (default: any that is free)"
    )
    parser.add_argument("--json", action="store_true", help="print lines of JSON")
    parser.add_argument("--mirror", action="store_true", help="mirror the frames (needs OpenCV)")
    parser.add_argument(
        "--width",
        metavar="PX",
        type=options.count,
        help="make wider frames so wide (needs OpenCV)",
    )
    parser.add_argument(
        "--fps",
        metavar="N",
        type=options.rate,
        help="at most so many frames a second (default: a video's own rate; never more than the "
        "box takes)",
    )
    parser.add_argument("--loop", action="store_true", help="begin again at the end")
    parser.add_argument(
        "--each", action="store_true", help="wait for every frame's prediction; slower"
    )
    parsed = parser.parse_args(arguments)
    return options.run(lambda: _push(parsed))


def _push(wanted: argparse.Namespace) -> None:
    box = options.box_arguments(wanted)
    source = open_source(wanted.input, wanted.loop)
    predictions = push(
        changed(source.frames, wanted.mirror, wanted.width),
        wanted.source,
        live=source.is_live,
        in_flight=1 if wanted.each else 2,
        fps=wanted.fps or source.fps,
        **box,
    )
    count = 0
    try:
        with predictions:
            for prediction in predictions:
                count += 1
                print(_line(prediction, wanted.json), flush=True)
    finally:
        print(
            f"{predictions.sent} frames sent, {predictions.refused} refused, {count} predictions",
            file=sys.stderr,
        )
    if predictions.sent == 0:
        raise WigwagError(f"`{wanted.input}` gave no frame that the box takes")


def _line(prediction: Prediction, as_json: bool) -> str:
    pushed_us = prediction.pushed_time_us or 0
    round_trip_ms = round((time.time_ns() // 1000 - pushed_us) / 1000, 1)
    if as_json:
        return json_line(prediction, number=prediction.number, round_trip_ms=round_trip_ms)
    return f"frame {prediction.number}: {hands_line(prediction)} ({round_trip_ms} ms)"


if __name__ == "__main__":
    sys.exit(main())
