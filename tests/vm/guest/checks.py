"""The checks inside the virtual machine: the real release binaries against real kernel drivers.

    checks.py [WORD]      run the scenarios whose name contains WORD (default: all)

Neighbours: `../run.sh` boots the machine and starts this; each `check_*.py` is one scenario;
`report.py` prints the outcome. A missing driver is a failure of its own, after which nothing else
is tried, because nothing else could mean anything.
"""

import os
import sys

import camera
import check_busy
import check_faults
import check_listing
import check_raw
import check_replug
import check_rig
import check_stream
from report import Report, expect

# vivid is loaded late: while it is absent, `auto` has only the webcam to find.
SCENARIOS = (
    ("rig", check_rig.run),
    ("listing", check_listing.run),
    ("stream", check_stream.run),
    ("replug", check_replug.run),
    ("faults", check_faults.run),
    ("busy", check_busy.run),
    ("raw", check_raw.run),
)


def drivers(report):
    """The drivers are there; gives the webcams, or None."""
    bench = None
    with report.check("drivers: uvcvideo and vhci-hcd are loaded, vivid can be"):
        expect(camera.loaded("uvcvideo"), "uvcvideo is not loaded")
        expect(os.path.exists(camera.VHCI), f"vhci-hcd is not loaded: {camera.VHCI} is missing")
        expect(os.path.exists(f"{camera.MODULES}/vivid.order"), "vivid is not in this machine's image")
        bench = camera.Bench(os.environ["USB_CAMERA"])
        bench.plug(7, "Z9")
        bench.unplug(7, "Z9")
    return bench


def main():
    """Runs the scenarios; the exit code says whether all passed."""
    report = Report(sys.argv[1] if len(sys.argv) > 1 else "")
    with report.check("selection: at least one scenario"):
        names = [name for name, _ in SCENARIOS]
        expect(any(map(report.wants, names)), f"none contains `{report.word}`: {' '.join(names)}")
    bench = drivers(report)
    if bench is None:
        return report.summary()
    for name, run in SCENARIOS:
        if not report.wants(name):
            continue
        if name == "raw":
            with report.check("drivers: vivid loads"):
                camera.load("vivid", "n_devs=1 node_types=0x1")
        try:
            run(report, bench)
        except Exception as error:
            with report.check(f"{name}: runs to its end"):
                raise error
        bench.clear()
    bench.process.terminate()
    return report.summary()


if __name__ == "__main__":
    sys.exit(main())
