"""A webcam that freezes or babbles: nothing wrong is shown, it is counted, and it comes back.

Neighbours: `usb-camera/src/device.rs` has the faults; `check_raw.py` has those of vivid.
"""

from box import Box
from expectations import await_parts, expect_order, expect_untouched
from report import expect, wait_for


def run(report, bench):
    """One webcam and one viewer through every fault."""
    bench.plug(0, "A1")
    with Box("faults", "") as box:
        with report.check("faults: without a configured source the webcam is taken, and live"):
            source = box.await_state("cam0", "live")
            expect(source["kind"] == "v4l2", f"{source}")
            viewer = box.viewer("cam0")
            expect_untouched(await_parts(viewer, 10), "A1")
        for quirk in ("padded", "no-tables"):
            harmless(report, bench, box, viewer, quirk)
        burst(report, bench, box, viewer)
        silent(report, bench, box, viewer, "freeze")
        silent(report, bench, box, viewer, "error-bit")
        babbling(report, bench, box, viewer, "truncate")
        babbling(report, bench, box, viewer, "garbage")
        babbling(report, bench, box, viewer, "usb-error")
        flicker(report, bench, box, viewer)
        with report.check("faults: no wrong frame was ever shown, none twice"):
            expect_untouched(viewer.since(0), "A1")
        with report.check("faults: the capture-worker was never restarted"):
            unit = box.unit("capture/cam0")
            expect(unit["restarts"] == 0, f"{unit}")
        viewer.close()
    bench.unplug(0, "A1")


def harmless(report, bench, box, viewer, quirk):
    """What many webcams do is no fault: every frame is shown as it is."""
    with report.check(f"{quirk}: frames like those of many webcams pass through"):
        bench.fault(0, quirk)
        expect_untouched(await_parts(viewer, 20), "A1")
        expect(bad_frames(box) == 0, f"{bad_frames(box)} counted as bad")
        expect(box.source("cam0")["state"] == "live", f"{box.source('cam0')}")
    bench.fault(0, "none")


def burst(report, bench, box, viewer):
    """The driver may deliver a short frame before the long one that was sent first."""
    with report.check("burst: viewers see frames in order even where the driver swaps them"):
        mark = viewer.mark()
        bench.fault(0, "burst")
        parts = await_parts(viewer, 200, mark)
        bench.fault(0, "none")
        expect_untouched(parts, "A1")


def silent(report, bench, box, viewer, fault):
    """The driver delivers nothing: the source must say so and recover by itself."""
    bench.fault(0, fault)
    with report.check(f"{fault}: the source is lost and says why"):
        source = box.await_state("cam0", "lost")
        expect(len(source["detail"]) > 10, f"detail: {source['detail']!r}")
        print(f"     it says: {source['detail']}", flush=True)
    recovery(report, bench, box, viewer, fault)


def babbling(report, bench, box, viewer, fault):
    """The driver delivers what is no picture: each is counted and none is shown.

    After a USB error the driver delivers its few buffers empty and then nothing more, so that only
    one bad frame is sure (`check_rig.py` shows this).
    """
    before = bad_frames(box)
    bench.fault(0, fault)
    with report.check(f"{fault}: the source is lost and says why"):
        source = box.await_state("cam0", "lost")
        expect(len(source["detail"]) > 10, f"detail: {source['detail']!r}")
        print(f"     it says: {source['detail']}", flush=True)
    with report.check(f"{fault}: bad frames are counted"):
        bad_frames_grow(box, before)
    recovery(report, bench, box, viewer, fault)


def flicker(report, bench, box, viewer):
    """Some frames are damaged, most are not: the source stays live on those that are whole."""
    with report.check("flicker: damaged frames among good ones are left out and counted"):
        before = bad_frames(box)
        bench.fault(0, "flicker")
        expect_untouched(await_parts(viewer, 30), "A1")
        bad_frames_grow(box, before)
        expect(box.source("cam0")["state"] == "live", f"{box.source('cam0')}")
    bench.fault(0, "none")


def bad_frames_grow(box, before):
    """The status is pushed once a second, so the count may come a little later."""
    return wait_for("a counted bad frame", lambda: bad_frames(box) > before)


def bad_frames(box):
    """Frames that the capture-worker threw away as damaged."""
    return box.unit("capture/cam0")["counters"].get("bad_frames", 0)


def recovery(report, bench, box, viewer, fault):
    """After the fault the same viewer sees the webcam again."""
    with report.check(f"{fault}: live again, same viewer, sequence goes on"):
        last = viewer.since(0)[-1]
        bench.fault(0, "none")
        box.await_state("cam0", "live")
        parts = await_parts(viewer, 20)
        expect_order([last] + parts)
        expect_untouched(parts, "A1")
