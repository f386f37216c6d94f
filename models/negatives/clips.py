"""What all makers of clips here share: smooth random motion, JPEGs, and a clip's folder.

A clip is a folder with `clip.mjpeg`, concatenated JPEGs, and `labels.json`, as `supervisor eval`
reads them. Everything follows from a seed.
"""

import json
import math

import cv2
import numpy as np

WIDTH, HEIGHT, FPS = 640, 480, 15
QUALITY = 80


def wander(random, frames, slowest_s=1.2, waves=3):
    """A smooth path between -1 and 1, of a few slow waves."""
    at = np.arange(frames) / FPS
    path = np.zeros(frames)
    for _ in range(waves):
        period_s = slowest_s * random.uniform(1.0, 4.0)
        path += random.uniform(0.4, 1.0) * np.sin((at / period_s + random.uniform()) * math.tau)
    return path / max(1e-6, np.abs(path).max())


def ease(share):
    """0..1, slow at both ends."""
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)


def coming_and_going(frames, seconds=0.6):
    """How far a hand is outside of the frame: 1 at both ends, 0 between."""
    ramp = seconds * FPS
    number = np.arange(frames)
    return 1 - ease(number / ramp) * ease((frames - 1 - number) / ramp)


def noisy(random, picture, sigma=2.0):
    """With a sensor's noise."""
    noise = cv2.GaussianBlur(random.standard_normal(picture.shape).astype(np.float32), (0, 0), 0.7)
    return np.clip(picture + noise * sigma * 1.9, 0, 255).astype(np.uint8)


def jpeg(picture):
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


class Clip:
    """Frames, and the stretches of them that show a gesture: none, for footage without any."""

    def __init__(self):
        self.data, self.frames, self.gestures = bytearray(), 0, []

    def add(self, picture):
        self.data += jpeg(picture)
        self.frames += 1

    def write(self, folder, note):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "clip.mjpeg").write_bytes(self.data)
        labels = {"note": note, "fps": FPS, "gestures": self.gestures}
        (folder / "labels.json").write_text(json.dumps(labels))
        return self.frames / FPS
