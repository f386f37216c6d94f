"""The machine's cameras: the emulated webcams, vivid, and what the kernel says about them.

Neighbours: `usb-camera/` takes the orders given here; sysfs gives the kernel's view, so that the
product is never asked about itself. No check is made here.
"""

import glob
import os
import socket
import subprocess

from report import CheckFailed, wait_for

SOCKET = "/run/vm/usb-camera.sock"
MODULES = "/run/vm/mods"
VHCI = "/sys/devices/platform/vhci_hcd.0/attach"


def loaded(module):
    """Whether the kernel has this module."""
    return os.path.isdir(f"/sys/module/{module.replace('-', '_')}")


def load(driver, options=""):
    """Loads a driver and what it needs; the boot image brings the files."""
    order = f"{MODULES}/{driver}.order"
    if not os.path.exists(order):
        raise CheckFailed(f"driver {driver} is not in this machine's image")
    with open(order, encoding="ascii") as names:
        modules = names.read().split()
    for module in modules:
        if loaded(module):
            continue
        own = options.split() if module == modules[-1] else []
        done = subprocess.run(
            ["insmod", f"{MODULES}/{module}.ko", *own], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise CheckFailed(f"insmod {module}: {done.stderr.strip()}")


class Bench:
    """The emulated webcams, steered over the socket of `usb-camera serve`."""

    def __init__(self, program):
        self.process = subprocess.Popen([program, "serve", SOCKET])
        self.program = program
        wait_for("the webcam's socket", lambda: os.path.exists(SOCKET))

    def order(self, text):
        """Gives one order; its answer without the leading `ok`."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(60)
            link.connect(SOCKET)
            link.sendall(text.encode() + b"\n")
            answer = link.makefile().readline().strip()
        if not answer.startswith("ok"):
            raise CheckFailed(f"webcam order `{text}`: {answer or 'no answer'}")
        return answer[2:].strip()

    def plug(self, port, serial, name="Test Camera"):
        """Plugs a webcam in and waits for its capture node, for example `/dev/video0`."""
        self.order(f"plug {port} {serial} {name}")
        return wait_for(f"a video node of webcam {serial}", lambda: node_of(serial))

    def unplug(self, port, serial):
        """Pulls a webcam out and waits until the kernel has let go of it."""
        self.order(f"unplug {port}")
        wait_for(f"the node of webcam {serial} to go", lambda: node_of(serial) is None)

    def clear(self):
        """Pulls every webcam out, after a scenario that did not come to its end."""
        for port in range(8):
            try:
                self.order(f"unplug {port}")
            except CheckFailed:
                continue

    def fault(self, port, fault):
        """Makes a webcam misbehave; `none` ends it."""
        self.order(f"fault {port} {fault}")

    def status(self, port):
        """The webcam's own view: frames sent, format, size, interval, fault."""
        return dict(word.split("=") for word in self.order(f"status {port}").split())

    def decode(self, jpeg, *places):
        """Decodes a JPEG strictly, with a decoder that is not the product's."""
        path = "/run/vm/picture.jpg"
        with open(path, "wb") as file:
            file.write(jpeg)
        words = [f"{x},{y}" for x, y in places]
        done = subprocess.run(
            [self.program, "decode", path, *words], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise CheckFailed(f"{len(jpeg)} bytes do not decode: {done.stderr.strip()}")
        return done.stdout


def _text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _capture_nodes():
    """Nodes that capture, by name; uvcvideo's second node carries metadata only (index 1)."""
    for folder in sorted(glob.glob("/sys/class/video4linux/video*")):
        if _text(f"{folder}/index") == "0" and os.path.exists(f"/dev/{os.path.basename(folder)}"):
            yield folder, f"/dev/{os.path.basename(folder)}"


def node_of(serial):
    """The capture node of the webcam with this serial number, or None."""
    for folder, node in _capture_nodes():
        if _text(os.path.realpath(f"{folder}/device") + "/../serial") == serial:
            return node
    return None


def vivid_node():
    """The capture node of vivid, or None."""
    for folder, node in _capture_nodes():
        if "vivid" in _text(f"{folder}/name"):
            return node
    return None
