"""Measures the hands in folders of pictures: one folder per class, one file of arrays.

    python extract.py OUT.npz PICTURES [PICTURES ...]

Each PICTURES holds a folder per class. A picture is measured as it is (padded, because crops leave
the detector too little room) and once changed: mirrored, turned a little, smaller, brighter
or darker, blurred, noisy, pressed hard as JPEG. Each time the hand is measured three times: from the
detected palm, as a tracker that follows sees it, and as one that lags behind. The chance of each
picture comes from its name, so that the result does not depend on the order.

Beside it: `hands.py` does the measuring; `sets.py` reads the file.
"""
import hashlib
import sys
from pathlib import Path

import cv2
import numpy as np

from hands import PRESENT_MIN, Hands

# What the set of sixteen classes is there for; of the others it has few more.
RARE = {"four", "three", "three2", "two_up"}
COLUMNS = "ds c b v fl a q palm pres hd P W".split()


def number(text):
    return int(hashlib.md5(text.encode()).hexdigest()[:12], 16)


def variants(set_name, label, name):
    """0 is the picture itself, 1 the changed one."""
    if set_name.startswith("si") and label not in RARE and label != "none":
        return [0]
    if label == "none" and int(hashlib.md5(name[:36].encode()).hexdigest(), 16) % 2:
        return [0]
    return [0, 1]


def padded(picture):
    side = max(picture.shape[:2])
    return cv2.copyMakeBorder(picture, side, side, side, side, cv2.BORDER_REPLICATE)


def changed(picture, rng):
    """The picture as another camera might have it; whether mirrored; by how many degrees turned."""
    mirrored = rng.random() < 0.5
    if mirrored:
        picture = picture[:, ::-1]
    height, width = picture.shape[:2]
    side = max(height, width)
    border = [cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT_101, cv2.BORDER_CONSTANT][rng.integers(3)]
    if border == cv2.BORDER_REFLECT_101:
        high, wide = min(side, height - 1), min(side, width - 1)
        picture = cv2.copyMakeBorder(picture, high, high, wide, wide, border)
    else:
        colour = [int(value) for value in rng.integers(0, 255, 3)]
        picture = cv2.copyMakeBorder(picture, side, side, side, side, border, value=colour)
    height, width = picture.shape[:2]
    turn = float(np.clip(rng.normal(0, 12), -28, 28))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, float(rng.uniform(0.55, 1.3)))
    picture = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    light = 255 * (picture / 255.0) ** float(np.exp(rng.normal(0, 0.35)))
    light = (light - 128) * rng.uniform(0.6, 1.25) + 128 + rng.uniform(-25, 25)
    light = light * (1 + rng.normal(0, 0.06, 3))
    if rng.random() < 0.5:
        light = cv2.GaussianBlur(light, (0, 0), float(rng.uniform(0.3, 1.6)))
    light = light + rng.normal(0, rng.uniform(0, 8), light.shape)
    picture = np.clip(light, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        pressed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))])[1]
        picture = cv2.imdecode(pressed, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(picture), int(mirrored), turn


def measurements(hands, picture, rng):
    """(number, palm score, presence, P(right), points, world) of each measurement; 0 = no palm."""
    found = hands.detect(picture)
    if found is None:
        return [(0, 0.0, 0.0, 0.0, np.zeros((21, 3), np.float32), np.zeros((21, 3), np.float32))]
    score, region = found
    rows = []
    for round_ in range(3):
        points, world, presence, right = hands.measure(picture, region)
        rows.append((round_ + 1, score, presence, right, points.astype(np.float32), world.astype(np.float32)))
        if presence < PRESENT_MIN:
            break
        x, y, side, turn = hands.follow(points)
        if round_ == 1:
            x, y = x + rng.normal(0, 0.03) * side, y + rng.normal(0, 0.03) * side
            side, turn = side * float(np.exp(rng.normal(0, 0.06))), turn + rng.normal(0, 0.12)
        region = (x, y, side, turn)
    return rows


def main(out, folders):
    cv2.setNumThreads(1)
    hands, rows = Hands(), []
    for path in sorted(p for folder in folders for p in Path(folder).glob("*/*.jpg")):
        set_name, label, name = path.parts[-3][:2], path.parts[-2], path.name
        read = cv2.imread(str(path))
        if read is None:
            print(f"left out, not a picture: {path}", file=sys.stderr)
            continue
        picture = cv2.cvtColor(read, cv2.COLOR_BGR2RGB)
        for variant in variants(set_name, label, name):
            rng = np.random.default_rng(number(f"{name}{label}{set_name}{variant}"))
            seen, mirrored, turn = (padded(picture), 0, 0.0) if variant == 0 else changed(picture, rng)
            for row in measurements(hands, seen, rng):
                rows.append((set_name, label, name, variant, mirrored, turn, *row))
    np.savez_compressed(out, **{column: np.array(values) for column, values in zip(COLUMNS, zip(*rows))})
    print(f"{len(rows)} measurements in {out}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
