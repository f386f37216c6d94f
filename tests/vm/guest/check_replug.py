"""Cables: unplug, a stranger on the old node, replug on another node, two webcams swapped.

Neighbours: `check_listing.py` shows that stable ids hold; here running sources follow them.
"""

from box import Box, camera_config
from check_listing import stable_id_of
from expectations import await_parts, expect_order, expect_untouched
from report import expect, wait_for


def run(report, bench):
    """Two sources by stable id, with one viewer each for the whole time."""
    nodes = {"A1": bench.plug(0, "A1"), "B2": bench.plug(1, "B2")}
    mode = {"width_px": 320, "height_px": 240, "fps": 15}
    config = camera_config("front", stable_id_of(nodes["A1"]), **mode)
    config += camera_config("side", stable_id_of(nodes["B2"]), **mode)
    with Box("replug", config) as box:
        with report.check("two webcams: both live, each source shows its own"):
            box.await_state("front", "live")
            box.await_state("side", "live")
            front, side = box.viewer("front"), box.viewer("side")
            expect_untouched(await_parts(front, 20), "A1")
            expect_untouched(await_parts(side, 20), "B2")
        unplugged(report, bench, box, front, side)
        replugged(report, bench, box, front, nodes)
        swapped(report, bench, box, front, side)
        with report.check("replug: each viewer's whole stream is in order, of one webcam only"):
            expect_untouched(front.since(0), "A1")
            expect_untouched(side.since(0), "B2")
        front.close()
        side.close()
    bench.unplug(0, "A1")
    bench.unplug(1, "B2")


def unplugged(report, bench, box, front, side):
    """One cable out."""
    bench.unplug(0, "A1")
    with report.check("unplug: the source is lost and says why"):
        source = box.await_state("front", "lost")
        expect(len(source["detail"]) > 10, f"detail: {source['detail']!r}")
        print(f"     it says: {source['detail']}", flush=True)
    with report.check("unplug: the viewer stays, the other webcam goes on"):
        expect_untouched(await_parts(side, 20), "B2")
        expect(front.ended is None, f"the viewer lost its connection: {front.ended}")
        unit = box.unit("capture/front")
        expect(unit["restarts"] == 0, f"a lost webcam is no crash: {unit}")


def replugged(report, bench, box, front, nodes):
    """Another webcam takes the old node; then the right one comes back on a new node."""
    with report.check("replug: a stranger on the old node is not taken for the webcam"):
        stranger = bench.plug(2, "C3", "Stranger")
        expect(stranger == nodes["A1"], f"the stranger is {stranger}, not {nodes['A1']}")
        mark = box.source("side")["sequence"]
        # As many looks at the stranger as the other webcam has frames in a while.
        wait_for("the other webcam", lambda: box.source("side")["sequence"] > mark + 60)
        source = box.source("front")
        expect(source["state"] == "lost", f"front is {source['state']}: {source['detail']}")
        expect(int(bench.status(2)["frames"]) == 0, "the stranger was made to stream")
    with report.check("replug: live again on another node, same viewer, sequence goes on"):
        mark, last = front.mark(), front.since(0)[-1]
        node = bench.plug(0, "A1")
        expect(node != nodes["A1"], f"the webcam is on {node} again; nothing was tested")
        box.await_state("front", "live")
        parts = await_parts(front, 20, mark)
        expect_order([last._replace(number=None)] + parts)
        expect_untouched(parts, "A1")
    bench.unplug(2, "C3")


def swapped(report, bench, box, front, side):
    """Both out, then in again in the other order, so that they take each other's nodes."""
    with report.check("swap: two webcams on each other's nodes keep their sources"):
        bench.unplug(0, "A1")
        bench.unplug(1, "B2")
        box.await_state("front", "lost")
        box.await_state("side", "lost")
        first = bench.plug(1, "B2")
        second = bench.plug(0, "A1")
        marks = front.mark(), side.mark()
        box.await_state("front", "live")
        box.await_state("side", "live")
        expect_untouched(await_parts(front, 10, marks[0]), "A1")
        expect_untouched(await_parts(side, 10, marks[1]), "B2")
        expect(first != second, "both webcams on one node")
