"""The window of `wigwag-view`. Frames are shown at once, with the newest hands that there are; when
a frame's own hands come, it is drawn again with those.

The box is read in a thread of its own, so that the window lives while the network does not.
"""

import os
import queue
import sys
import threading
import time
from typing import Any, Final, Optional, Union

from .. import pictures
from ..errors import MissingFeatureError
from ..messages import Frame, Notice, Prediction
from ..overlay import draw_hands, draw_label, draw_scene
from ..watching import Watch, Watched

TITLE: Final = "Wigwag"
HANDS_MS_MAX: Final = 500.0
"""Hands of a frame that is so much older than the picture are not drawn any more."""
SILENT_S: Final = 3.0
"""After so long without anything the window says that the box does not answer."""

_WAITING_MAX: Final = 64
_ENDS: Final = (27, ord("q"))
_TURN_MS: Final = 10

Came = Union[Watched, BaseException]


def check() -> None:
    """Raises `MissingFeatureError` if there can be no window here."""
    text = "--text prints what is recognised, --save keeps frames"
    try:
        pictures.opencv("a window")
    except MissingFeatureError as error:
        raise MissingFeatureError(str(error), f"{pictures.HINT}; or {text}") from error
    # OpenCV would end the program without a word of ours.
    has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not has_display:
        raise MissingFeatureError("there is no display for a window", text)


def show(stream: Watch, mirror: bool, count: Optional[int]) -> None:
    """Shows what comes until the user or `count` frames end it."""
    cv2 = pictures.opencv("a window")
    came: "queue.Queue[Came]" = queue.Queue(_WAITING_MAX)
    reader = threading.Thread(target=_read, args=(stream, came), daemon=True)
    reader.start()
    scene = Scene(mirror)
    try:
        flags = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
        cv2.namedWindow(TITLE, flags)
        is_sized = False
        while count is None or scene.frames < count:
            is_changed = scene.take(_all_of(came), time.monotonic())
            if is_changed and (picture := scene.draw(time.monotonic())) is not None:
                if not is_sized:
                    height, width = picture.shape[:2]
                    cv2.resizeWindow(TITLE, width, height)
                    is_sized = True
                cv2.imshow(TITLE, picture)
            if cv2.waitKey(_TURN_MS) & 0xFF in _ENDS:
                break
            if scene.frames and cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
                break
    except cv2.error as error:
        raise MissingFeatureError(f"OpenCV shows no window: {error}", pictures.HINT) from error
    finally:
        stream.close()
        reader.join(timeout=1.0)
        cv2.destroyAllWindows()


def _read(stream: Watch, came: "queue.Queue[Came]") -> None:
    try:
        for item in stream:
            came.put(item)
    except BaseException as error:
        came.put(error)


def _all_of(came: "queue.Queue[Came]") -> list[Watched]:
    items: list[Watched] = []
    while True:
        try:
            item = came.get_nowait()
        except queue.Empty:
            return items
        if isinstance(item, BaseException):
            raise item
        items.append(item)


class Scene:
    """What is to be seen: the newest picture, and the newest hands. No window, no clock."""

    def __init__(self, mirror: bool) -> None:
        self.frames = 0
        """Frames that were taken."""
        self._mirror = mirror
        self._shown: Optional[Union[Frame, Notice]] = None
        self._hands: Optional[Prediction] = None
        self._heard_at: Optional[float] = None
        self._silent_s = 0

    def take(self, items: list[Watched], now_s: float) -> bool:
        """Takes what came; whether there is something new to be seen."""
        is_changed = False
        for item in items:
            if isinstance(item, Prediction):
                self._hands = item
                is_changed |= self._is_own(item)
            else:
                self._shown = item
                self.frames += isinstance(item, Frame)
                is_changed = True
        if items or self._heard_at is None:
            self._heard_at = now_s
        silent_s = int(now_s - self._heard_at)
        is_changed |= silent_s >= SILENT_S and silent_s != self._silent_s
        self._silent_s = silent_s
        return is_changed

    def draw(self, now_s: float) -> Optional[Any]:
        """The picture with its hands; `None` if there is none, or it is damaged."""
        shown = self._shown
        if shown is None:
            return None
        try:
            image = shown.image()
        except ValueError:
            return None
        if self._mirror and isinstance(shown, Frame):
            image = pictures.opencv("a window").flip(image, 1)
        if isinstance(shown, Frame) and self._hands is not None:
            older_ms = (shown.capture_time_us - self._hands.capture_time_us) / 1000
            if abs(older_ms) <= HANDS_MS_MAX:
                own = None if self._is_own(self._hands) else older_ms
                draw_hands(image, self._hands.hands, self._mirror, own)
                if self._hands.scene is not None:
                    draw_scene(image, self._hands.scene, own)
        if self._heard_at is not None and now_s - self._heard_at >= SILENT_S:
            draw_label(image, f"the box does not answer since {self._silent_s} s", 8, 8)
        return image

    def _is_own(self, prediction: Prediction) -> bool:
        return isinstance(self._shown, Frame) and self._shown.sequence == prediction.sequence
