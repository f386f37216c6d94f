#!/usr/bin/python3
"""How far away a hand may be, and what becomes of two that cross: clips made of the demo clip.

Each frame of a clip is scaled down and laid on a dim picture of the same size, at a place that
wanders; the labels go with it. `infer-worker agree` then says how many hands were found. At a scale of
0.2 the place moves by up to six hand lengths a second, 1.1 m/s (`--speed 1`); people who show something
hold still or move their hand a third as fast (`--speed 0.33`). A hand at
2.5 m before a usual webcam (70 degrees wide) is about a twentieth of the picture's width long, which
in the demo clip is a scale of about 0.2.

  models/small_hands.py --infer-worker target/release/infer-worker
  models/small_hands.py --infer-worker target/release/infer-worker --crossing crossing.mjpeg

Needs python3-opencv.
"""

import argparse
import json
import math
import pathlib
import subprocess
import tempfile

import cv2
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLIP = ROOT / "capture-worker/demo/demo-640x480-15fps.mjpeg"
LABELS = ROOT / "capture-worker/demo/labels.json"
SCALES = [1.0, 0.6, 0.4, 0.3, 0.25, 0.2, 0.16]


def frames(path):
    data = path.read_bytes()
    starts = []
    at = data.find(b"\xff\xd8\xff")
    while at >= 0:
        starts.append(at)
        at = data.find(b"\xff\xd8\xff", at + 3)
    for start, end in zip(starts, starts[1:] + [len(data)]):
        yield cv2.imdecode(np.frombuffer(data[start:end], np.uint8), cv2.IMREAD_COLOR)


def jpeg(picture):
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def scaled(pictures, labels, size, scale, speed):
    """The clip at `scale` on a picture of `size`, wandering, and its labels."""
    width, height = size
    # The first frame shows the room without a hand; blurred, so that nothing in it looks like one.
    room = cv2.GaussianBlur(cv2.resize(pictures[0], size), (0, 0), width / 60)
    clip, told = b"", []
    for number, (picture, label) in enumerate(zip(pictures, labels)):
        whole = (max(2, round(width * scale)), max(2, round(height * scale)))
        small = cv2.resize(picture, whole, interpolation=cv2.INTER_AREA)
        turn = number / 90 * math.tau * speed
        x = round((width - whole[0]) * (0.5 + 0.45 * math.sin(turn)))
        y = round((height - whole[1]) * (0.5 + 0.45 * math.cos(turn * 0.7)))
        canvas = room.copy()
        canvas[y : y + whole[1], x : x + whole[0]] = small
        clip += jpeg(canvas)
        points = label["landmarks"]
        if points is not None:
            along = [whole[0] / picture.shape[1], whole[1] / picture.shape[0]]
            points = [[px * along[0] + x, py * along[1] + y, pz] for px, py, pz in points]
        told.append({**label, "landmarks": points})
    return clip, told


def crossing(pictures, path):
    """Two open palms that move through each other, the left one a mirror image; ten times."""
    palms = pictures[27:57]
    clip = b""
    for number in range(300):
        palm = palms[number % len(palms)]
        height, width = palm.shape[:2]
        half = cv2.resize(palm, (width * 2 // 3, height * 2 // 3))
        room = cv2.GaussianBlur(pictures[0], (0, 0), 12)
        along = (1 - math.cos(number / 60 * math.tau)) / 2
        top = (height - half.shape[0]) // 2
        # The lighter of both: the hands show through each other as little as they can.
        for picture, x in ((half, along), (half[:, ::-1], 1 - along)):
            left = round((width - half.shape[1]) * x)
            place = room[top : top + half.shape[0], left : left + half.shape[1]]
            hand = cv2.cvtColor(picture, cv2.COLOR_BGR2YCrCb)
            skin = (hand[..., 1] > 135) & (hand[..., 1] < 185) & (hand[..., 2] < 135)
            skin = cv2.morphologyEx(skin.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3)))
            place[skin > 0] = picture[skin > 0]
        clip += jpeg(room)
    path.write_bytes(clip)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--infer-worker", required=True)
    parser.add_argument("--manifest", default=str(ROOT / "models/manifest.toml"))
    parser.add_argument("--size", default="640x480", help="of the pictures (default: 640x480)")
    parser.add_argument("--speed", type=float, default=1.0, help="of the wandering (default: 1)")
    parser.add_argument("--scales", type=float, nargs="+", default=SCALES)
    parser.add_argument("--crossing", type=pathlib.Path, help="only write the clip of two hands")
    arguments = parser.parse_args()
    pictures = list(frames(CLIP))
    if arguments.crossing:
        crossing(pictures, arguments.crossing)
        return
    labels = json.loads(LABELS.read_text())
    size = tuple(int(side) for side in arguments.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        clip, told = pathlib.Path(folder, "c.mjpeg"), pathlib.Path(folder, "c.json")
        for scale in arguments.scales:
            made, frames_told = scaled(pictures, labels["frames"], size, scale, arguments.speed)
            clip.write_bytes(made)
            told.write_text(json.dumps({**labels, "frames": frames_told}))
            command = [arguments.infer_worker, "agree", "--clip", clip, "--reference", told]
            command += ["--manifest", arguments.manifest]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            lines = {line.split()[0]: line.split(maxsplit=1)[1] for line in said.splitlines()}
            found = lines["hands"].split(" found")[0]
            print(f"{scale:5.2f}  hands {found:12}  gesture {lines['gesture']}", flush=True)


if __name__ == "__main__":
    main()
