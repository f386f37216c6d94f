"""A camera that another program uses: said clearly, and taken as soon as it is free.

Neighbours: `v4l2.py` plays the other program.
"""

import os

from box import Box, camera_config
from expectations import await_parts, expect_untouched
from report import expect
from v4l2 import Camera


def run(report, bench):
    """The other program is first, then leaves."""
    node = bench.plug(0, "A1")
    other = Camera(node)
    other.reserve()
    config = camera_config("cam0", node, width_px=320, height_px=240, fps=15)
    with Box("busy", config) as box:
        with report.check("busy: the source says that another program uses the camera"):
            source = box.await_state("cam0", "lost")
            # This process is the other program.
            expect("in use" in source["detail"], source["detail"])
            expect(f"pid {os.getpid()}" in source["detail"], source["detail"])
            print(f"     it says: {source['detail']}", flush=True)
        with report.check("busy: live when the other program has left"):
            other.close()
            box.await_state("cam0", "live")
            with box.viewer("cam0") as viewer:
                expect_untouched(await_parts(viewer, 10), "A1")
    bench.unplug(0, "A1")
