"""vivid, the kernel's own test driver: raw formats, and faults of the driver itself.

Neighbours: `check_stream.py` has the webcam's raw format.
"""

import camera
from box import Box, camera_config
from expectations import await_parts, expect_colours, expect_order
from report import expect, wait_for
from v4l2 import Camera

# Vivid's default picture: eight bars of 75 % colour from left to right; text covers the top left.
# The driver gives them in limited range, a JPEG has full range: black must come out black.
# Source: Linux drivers/media/common/v4l2-tpg/v4l2-tpg-core.c, TPG_PAT_75_COLORBAR.
BARS = (
    (191, 191, 191),
    (191, 191, 0),
    (0, 191, 191),
    (0, 191, 0),
    (191, 0, 191),
    (191, 0, 0),
    (0, 0, 191),
    (0, 0, 0),
)


def run(report, bench):
    """The same node in two raw formats, then two faults."""
    node = camera.vivid_node()
    for name in ("yuyv", "nv12"):
        config = camera_config("raw", node, width_px=640, height_px=360, fps=15, format=name)
        with Box(f"vivid-{name}", config) as box:
            with report.check(f"vivid {name}: live"):
                source = box.await_state("raw", "live")
                expect(source["format"] == name.upper(), f"format {source['format']}")
                size = (source["width_px"], source["height_px"])
                expect(size == (640, 360), f"size {size}")
            with report.check(f"vivid {name}: viewers see its colour bars"):
                places = [((index + 0.5) / 8, 0.8) for index in range(8)]
                expect_colours(bench, box.snapshot("raw"), places, BARS)
            with box.viewer("raw") as viewer:
                with report.check(f"vivid {name}: the stream moves"):
                    parts = await_parts(viewer, 20)
                    expect(all(part.is_intact for part in parts), "a part is no whole JPEG")
                    expect_order(parts)
                if name == "yuyv":
                    faults(report, box, node, viewer)


def faults(report, box, node, viewer):
    """The driver fails while it streams, and comes back by itself."""
    for button in ("Inject Fatal Streaming Error", "Disconnect"):
        with report.check(f"vivid: `{button}` is survived by the same viewer"):
            last = viewer.since(0)[-1]
            since = box.source("raw")["since_ms"]
            with Camera(node) as button_press:
                button_press.set_control(button, 1)
            wait_for("the source to notice", lambda: noticed(box, since))
            box.await_state("raw", "live")
            expect_order([last] + await_parts(viewer, 10))


def noticed(box, since_ms):
    """The source has left its old state, even if it is live again by now."""
    source = box.source("raw")
    return source["state"] != "live" or source["since_ms"] < since_ms
