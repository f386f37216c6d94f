"""The rig itself, without the product: what the webcam sends is what the kernel delivers.

Neighbours: `v4l2.py` reads the camera. When a later check fails and these pass, the fault is the
product's.
"""

from report import DEADLINE_S, expect
from v4l2 import Camera
from viewer import stamp_of


def run(report, bench):
    """Both formats, then each fault as a program sees it that reads the driver directly."""
    node = bench.plug(0, "A1")
    with report.check("rig: YUYV frames have their full size"):
        with Camera(node) as camera:
            camera.set_format(b"YUYV", 320, 240, 15)
            camera.start()
            sizes = {len(next_frame(camera)) for _ in range(5)}
            expect(sizes == {320 * 240 * 2}, f"sizes {sizes}")
    with Camera(node) as camera:
        camera.set_format(b"MJPG", 640, 480, 30)
        camera.start()
        with report.check("rig: JPEGs arrive untouched, each once"):
            stamps = [stamp_of(next_frame(camera)) for _ in range(20)]
            expect(all(stamp[0] == "A1" and stamp[2] for stamp in stamps), f"{stamps}")
            numbers = [stamp[1] for stamp in stamps]
            expect(len(numbers) == len(set(numbers)), f"numbers {numbers}")
        bench.fault(0, "burst")
        numbers = [stamp_of(next_frame(camera))[1] for _ in range(300)]
        swaps = sum(after < before for before, after in zip(numbers, numbers[1:]))
        print(f"     in a burst of 300 frames the driver swapped {swaps}", flush=True)
        bench.fault(0, "none")
        for fault in ("truncate", "garbage"):
            with report.check(f"rig: {fault} makes frames that are no whole JPEG"):
                bench.fault(0, fault)
                expect(any(not stamp_of(next_frame(camera))[2] for _ in range(30)), "all are whole")
            bench.fault(0, "none")
        for fault in ("freeze", "error-bit"):
            with report.check(f"rig: {fault} stops the frames, and they come back"):
                bench.fault(0, fault)
                expect(any(camera.frame(1) is None for _ in range(30)), "frames go on")
                bench.fault(0, "none")
                next_frame(camera)
        # The driver gives back its buffers empty and asks the webcam for nothing more: only a
        # restart of the stream helps, even after the cable is good again.
        with report.check("rig: usb-error gives empty frames, then none until a restart"):
            bench.fault(0, "usb-error")
            expect(any(next_frame(camera) == b"" for _ in range(30)), "no empty frame")
            bench.fault(0, "none")
            expect(any(camera.frame(1) is None for _ in range(30)), "frames go on")
    with report.check("rig: a restart of the stream ends a usb-error"):
        with Camera(node) as camera:
            camera.set_format(b"MJPG", 640, 480, 30)
            camera.start()
            expect(stamp_of(next_frame(camera))[2], "the first frame is damaged")
    bench.unplug(0, "A1")


def next_frame(camera):
    """The next frame; none at all is a failure."""
    frame = camera.frame(DEADLINE_S)
    expect(frame is not None, f"no frame within {DEADLINE_S} s")
    return frame
