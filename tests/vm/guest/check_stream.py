"""A webcam found by `auto`: it streams, MJPEG passes through, and a killed capture-worker is back.

Neighbours: `check_replug.py` and `check_faults.py` go on from here with cables and faults.
"""

import os
import signal

from box import Box, camera_config, leftovers
from camera import node_of
from expectations import await_parts, expect_order, expect_scene, expect_untouched
from report import expect, wait_for
from v4l2 import Camera


def run(report, bench):
    """One webcam, first MJPEG by itself, then a kill, then Ctrl-C; then YUYV by config."""
    bench.plug(0, "A1")
    with Box("auto", "", ["--source", "v4l2:auto"]) as box:
        name = box.status()["sources"][0]["name"]
        with report.check("auto: the webcam is found and live as MJPEG"):
            source = box.await_state(name, "live")
            expect(source["kind"] == "v4l2", f"kind {source['kind']}")
            expect(source["format"] == "MJPG", f"format {source['format']}")
            sent = bench.status(0)
            sizes = (source["width_px"], source["height_px"])
            expect(sizes == (int(sent["width"]), int(sent["height"])), f"{source} but {sent}")
        with report.check("auto: the sequence advances"):
            before = box.source(name)["sequence"]
            wait_for("10 more frames", lambda: box.source(name)["sequence"] >= before + 10)
        with report.check("auto: the snapshot is the webcam's picture"):
            source = box.source(name)
            expect_scene(bench, box.snapshot(name), source["width_px"], source["height_px"])
        with box.viewer(name) as viewer:
            with report.check("stream: MJPEG passes through byte for byte"):
                expect_untouched(await_parts(viewer, 40), "A1")
            kill_capture(report, box, name, viewer)
        drain(report, box)
    bench.unplug(0, "A1")
    yuyv(report, bench)


def kill_capture(report, box, name, viewer):
    """SIGKILL while the camera streams: the driver is left with a dead owner's buffers."""
    with report.check("stream: a killed capture-worker opens the webcam again"):
        unit = box.unit(f"capture/{name}")
        mark = viewer.mark()
        last = viewer.since(0)[-1]
        os.kill(unit["pid"], signal.SIGKILL)
        wait_for("a new capture-worker", lambda: box.unit(unit["name"])["pid"] not in (unit["pid"], None))
        parts = await_parts(viewer, 40, mark)
        expect_untouched([last] + parts, "A1")
        expect(box.unit(unit["name"])["restarts"] == 1, f"{box.unit(unit['name'])}")


def drain(report, box):
    """Ctrl-C with an open webcam."""
    with report.check("drain: Ctrl-C ends with code 0 and leaves nothing behind"):
        code = box.interrupt()
        expect(code == 0, f"exit {code}: {box.tail()}")
        expect(leftovers() == [], f"left behind: {leftovers()}")
    with report.check("drain: the webcam is free for the next program"):
        with Camera(node_of("A1")) as next_program:
            next_program.reserve()


def yuyv(report, bench):
    """The same webcam in its raw format, under a link as a system's own rules make them."""
    node = bench.plug(0, "A1")
    os.symlink(node, "/dev/video-front")
    config = camera_config("front", "/dev/video-front", width_px=320, height_px=240, format="yuyv")
    with Box("yuyv", config) as box:
        with report.check("yuyv: live by a link to the node"):
            source = box.await_state("front", "live")
            expect(source["format"] == "YUYV", f"format {source['format']}")
            expect(bench.status(0)["format"] == "YUYV", f"the webcam sends {bench.status(0)}")
        with report.check("yuyv: viewers see the webcam's colours"):
            expect_scene(bench, box.snapshot("front"), 320, 240)
        with report.check("yuyv: the stream moves"):
            with box.viewer("front") as viewer:
                parts = await_parts(viewer, 20)
                expect(all(part.is_intact for part in parts), "a part is no whole JPEG")
                expect_order(parts)
    os.remove("/dev/video-front")
    bench.unplug(0, "A1")
