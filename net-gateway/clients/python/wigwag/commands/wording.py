"""Predictions as lines of text and of JSON. Pure."""

import json
from typing import Any

from ..messages import Prediction


def hands_line(prediction: Prediction) -> str:
    """The hands of a prediction: `Thumb_Up 0.93 Right, None 0.41 Left`, or `-`; of a whole frame
    `Thumb_Up 0.93`."""
    if prediction.scene is not None:
        return f"{prediction.scene.gesture} {prediction.scene.score:.2f}"
    hands = (f"{hand.gesture} {hand.score:.2f} {hand.handedness}" for hand in prediction.hands)
    return ", ".join(hands) or "-"


def json_line(prediction: Prediction, **more: Any) -> str:
    """Everything that the box said, and `more`, in one line."""
    return json.dumps({**prediction.data, **more}, separators=(",", ":"))
