#!/usr/bin/env python3
"""Footage made of pictures: of hands that mean nothing, or, for comparison, that show a gesture.

Each picture of FOLDER comes into the frame, wanders, turns, grows, shrinks and leans for some
seconds as a hand before a camera does, and leaves again; ten follow each other in a clip. The pose
itself does not change. One clip a folder in OUT, for `supervisor eval OUT`.

  models/negatives/pictures.py FOLDER OUT
  models/negatives/pictures.py --gesture like FOLDER OUT

Needs python3-opencv.
"""

import argparse
import pathlib

import cv2
import numpy as np

from clips import FPS, HEIGHT, WIDTH, Clip, coming_and_going, noisy, wander

IN_A_CLIP = 10
SECONDS = 4.0
BETWEEN_S = 0.6
MOVING_S = 0.6


def room(picture):
    """What lies behind: the picture itself, so far out of focus that nothing in it looks like a hand."""
    large = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return cv2.GaussianBlur(large, (0, 0), 60).astype(np.float32) * 0.8


def patch(random, picture):
    """The picture with a margin that fades, at the size of a hand at arm's length."""
    height, width = picture.shape[:2]
    scale = random.uniform(150, 260) / max(height, width)
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    margin = int(max(picture.shape[:2]) * 0.6)
    wide = cv2.copyMakeBorder(picture, *[margin] * 4, cv2.BORDER_REPLICATE).astype(np.float32)
    mask = np.zeros(wide.shape[:2], np.float32)
    inner = margin // 3
    mask[inner:-inner, inner:-inner] = 1
    return wide, cv2.GaussianBlur(mask, (0, 0), margin / 6)


def shown(random, picture, clip, gesture):
    """Adds the frames of one picture, and from when to when it shows the gesture, if it shows one."""
    frames = int(SECONDS * FPS)
    if gesture:
        # Once the hand is there, until it leaves.
        inside = [clip.frames + MOVING_S * FPS, clip.frames + frames - MOVING_S * FPS]
        from_s, to_s = (round(frame / FPS, 3) for frame in inside)
        clip.gestures.append({"gesture": gesture, "from_s": from_s, "to_s": to_s})
    wide, mask = patch(random, picture)
    behind = room(picture)
    height, width = mask.shape
    x, y, turn, size, lean_x, lean_y = (wander(random, frames) for _ in range(6))
    away = coming_and_going(frames, MOVING_S)
    side = random.uniform(-np.pi, np.pi)
    light = 1 + 0.12 * wander(random, frames, 3.0)
    corners = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    for n in range(frames):
        centred = corners - [width / 2, height / 2]
        angle, grown = np.radians(14) * turn[n], 1.05 + 0.17 * size[n]
        cos, sin = np.cos(angle) * grown, np.sin(angle) * grown
        placed = centred @ np.float32([[cos, sin], [-sin, cos]])
        # A plane that leans: what is nearer is larger.
        near = 1 + 0.12 * (lean_x[n] * centred[:, 0] / width + lean_y[n] * centred[:, 1] / height)
        placed *= near[:, None]
        out = away[n] * np.array([np.cos(side), np.sin(side)]) * 1.1 * max(WIDTH, HEIGHT)
        placed += np.array([WIDTH / 2 + 120 * x[n], HEIGHT / 2 + 80 * y[n]]) + out
        warp = cv2.getPerspectiveTransform(corners, placed.astype(np.float32))
        seen = cv2.warpPerspective(wide, warp, (WIDTH, HEIGHT))
        share = cv2.warpPerspective(mask, warp, (WIDTH, HEIGHT))[..., None]
        clip.add(noisy(random, (seen * share + behind * (1 - share)) * light[n]))
    for _ in range(int(BETWEEN_S * FPS)):
        clip.add(noisy(random, behind))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=20261120)
    parser.add_argument("--gesture", help="what they show (default: nothing that is meant)")
    parser.add_argument("--most", type=int, default=10**6, help="pictures (default: all)")
    arguments = parser.parse_args()
    files = sorted(arguments.pictures.iterdir())[: arguments.most]
    seconds = 0.0
    for first in range(0, len(files), IN_A_CLIP):
        clip = Clip()
        for offset, path in enumerate(files[first : first + IN_A_CLIP]):
            random = np.random.default_rng([arguments.seed, first + offset])
            picture = cv2.imread(str(path))
            if picture is not None:
                shown(random, picture, clip, arguments.gesture)
        names = [path.name for path in files[first : first + IN_A_CLIP]]
        folder = arguments.out / f"{arguments.gesture or 'pictures'}-{first // IN_A_CLIP:03}"
        meant = arguments.gesture or "no gesture is meant"
        seconds += clip.write(folder, f"{meant}: {', '.join(names)}")
    print(f"{seconds / 60:.1f} minutes of {len(files)} pictures")


if __name__ == "__main__":
    main()
