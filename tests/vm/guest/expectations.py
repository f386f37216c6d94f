"""What every stream of a webcam must satisfy, in one place.

Neighbours: the `check_*.py` files; `viewer.py` delivers the parts that are judged here.
"""

import json

from report import expect, wait_for

# How far a flat colour may be off after one conversion and one JPEG; a mistaken range is off by 16.
COLOUR_TOLERANCE = 9
# One place in each third of the webcam's picture, in fractions of it.
THIRDS = ((0.17, 0.4), (0.5, 0.4), (0.83, 0.4))


def await_parts(viewer, count, mark=None):
    """Waits for `count` parts after `mark` (default: from now on) on the same connection."""
    mark = viewer.mark() if mark is None else mark

    def look():
        expect(viewer.ended is None, f"the viewer lost its connection: {viewer.ended}")
        parts = viewer.since(mark)
        return parts if len(parts) >= count else None

    return wait_for(f"{count} more frames", look)


def expect_untouched(parts, serial):
    """Every part is a webcam's own JPEG, byte for byte, of this webcam only, in order."""
    for part in parts:
        expect(part.serial is not None, f"a frame without the webcam's stamp: {part}")
        expect(part.serial == serial, f"a frame of webcam {part.serial}, expected {serial}: {part}")
        expect(part.is_intact, f"the bytes are not those that the webcam sent: {part}")
    expect_order(parts)


def expect_order(parts):
    """Sequence and capture time go forward, and so does the webcam's own frame number."""
    for before, after in zip(parts, parts[1:]):
        expect(after.sequence > before.sequence, f"the sequence goes back: {before} {after}")
        expect(
            after.capture_time_us > before.capture_time_us,
            f"the capture time goes back: {before} {after}",
        )
        if before.number is not None and after.number is not None and before.serial == after.serial:
            expect(after.number > before.number, f"a frame is shown again: {before} {after}")


def expect_scene(bench, jpeg, width_px, height_px):
    """The picture is the webcam's scene in its own colours, with a readable counter."""
    seen = json.loads(bench.decode(jpeg))
    expect((seen["width"], seen["height"]) == (width_px, height_px), f"wrong size: {seen}")
    expect(seen["scene"], f"the colours are not the webcam's: {bench.decode(jpeg, *THIRDS)}")
    expect(seen["counter"] is not None, f"the counter cannot be read: {seen}")


def expect_colours(bench, jpeg, places, colours):
    """The picture has these colours at these places, up to conversion and compression."""
    seen = json.loads(bench.decode(jpeg, *places))["colours"]
    for place, found, wanted in zip(places, seen, colours):
        off = max(abs(one - other) for one, other in zip(found, wanted))
        expect(off <= COLOUR_TOLERANCE, f"colour {found} at {place}, expected {wanted}")
