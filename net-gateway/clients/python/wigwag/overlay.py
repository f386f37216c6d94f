"""Draws hands, gestures and scores into a picture, with OpenCV.

It changes the array that it is given. Hands of an earlier frame are drawn thin and say how old they
are, so that they are never taken for the frame's own.
"""

from collections.abc import Sequence
from typing import Any, Final, Optional

from . import pictures
from .messages import Hand, Scene

# Lines of the hand between its 21 points. Source: MediaPipe `HAND_CONNECTIONS`.
_BONES: Final = (
    (0, 1, 2, 3, 4),
    (0, 5, 6, 7, 8),
    (5, 9, 10, 11, 12),
    (9, 13, 14, 15, 16),
    (13, 17, 18, 19, 20),
    (0, 17),
)
# BGR; colours that stay apart on skin, on dark and bright pictures, and for the colour-blind.
_COLOURS: Final = {"Right": (77, 193, 255), "Left": (255, 210, 92)}
_COLOUR_OTHER: Final = (242, 242, 242)
_DARK: Final = (24, 18, 14)
_WHITE: Final = (255, 255, 255)
_FAR: Final = 4.0
"""Points so many frames beside the picture are not drawn: they come over the network."""


def draw_hands(
    image: Any, hands: Sequence[Hand], mirror: bool = False, older_ms: Optional[float] = None
) -> None:
    """Draws hands into an array `[height, width, 3]`, u8, BGR.

    `mirror`: the picture was mirrored, the hands were not. `older_ms`: how much older the frame of
    the hands is than the picture; `None` for its own.
    """
    cv2 = pictures.opencv("an overlay")
    height, width = image.shape[:2]
    thick = max(1, round(width / 240)) if older_ms is None else 1
    for hand in hands:
        colour = _COLOURS.get(hand.handedness, _COLOUR_OTHER)
        points = [
            (round((1.0 - x if mirror else x) * width), round(y * height))
            for x, y, _ in hand.landmarks
            if abs(x) < _FAR and abs(y) < _FAR
        ]
        if len(points) != len(hand.landmarks) or not points:
            continue
        for bone in _BONES:
            for start, end in zip(bone, bone[1:]):
                if end < len(points):
                    cv2.line(image, points[start], points[end], _DARK, thick + 2, cv2.LINE_AA)
                    cv2.line(image, points[start], points[end], colour, thick, cv2.LINE_AA)
        if older_ms is None:
            for point in points:
                cv2.circle(image, point, thick + 1, _WHITE, cv2.FILLED, cv2.LINE_AA)
        text = f"{hand.gesture} {hand.score:.2f} {hand.handedness.lower()}"
        if older_ms is not None:
            text += f" {older_ms:.0f} ms ago"
        left = min(x for x, _ in points)
        top = min(y for _, y in points)
        draw_label(image, text, left, top - 2 * _line_px(width))


def draw_scene(image: Any, scene: Scene, older_ms: Optional[float] = None) -> None:
    """Writes what a frame shows as a whole into its corner; `older_ms` as for hands."""
    text = f"{scene.gesture} {scene.score:.2f}"
    if older_ms is not None:
        text += f" {older_ms:.0f} ms ago"
    draw_label(image, text, 8, 8)


def draw_label(image: Any, text: str, left: int, top: int) -> None:
    """Writes one line on a dark ground, inside of the picture."""
    cv2 = pictures.opencv("an overlay")
    height, width = image.shape[:2]
    scale, pad = _line_px(width) / 30.0, 4
    # OpenCV's letters are ASCII.
    text = text.encode("ascii", "replace").decode()
    (text_px, line_px), below_px = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 1)
    left = max(0, min(left, width - text_px - 2 * pad))
    top = max(0, min(top, height - line_px - below_px - 2 * pad))
    corner = (left + text_px + 2 * pad, top + line_px + below_px + 2 * pad)
    cv2.rectangle(image, (left, top), corner, _DARK, cv2.FILLED)
    place = (left + pad, top + pad + line_px)
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_DUPLEX, scale, _WHITE, 1, cv2.LINE_AA)


def _line_px(width: int) -> int:
    return min(30, max(12, width // 40))
