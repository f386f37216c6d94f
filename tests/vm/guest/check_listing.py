"""`supervisor list-devices`: what is there, under which stable id.

Neighbours: `camera.py` gives the kernel's own view to compare with.
"""

from box import list_devices
from report import expect


def find(devices, node):
    """The listed camera with this node."""
    return next((device for device in devices if device["path"] == node), None)


def stable_id_of(node):
    """The stable id under which a node is listed."""
    found = find(list_devices(), node)
    expect(found is not None, f"{node} is not listed")
    expect(found["stable_id"], f"{node} has no stable id: {found}")
    return found["stable_id"]


def run(report, bench):
    """Lists cameras before, during and after a webcam moves to another node."""
    with report.check("list-devices: no camera is an empty list"):
        expect(list_devices() == [], f"listed: {list_devices()}")

    first = bench.plug(0, "A1", "Front Camera")
    second = bench.plug(1, "B2", "Side Camera")
    ids = {}
    with report.check("list-devices: each webcam once, with formats, sizes and rates"):
        devices = list_devices()
        nodes = sorted(device["path"] for device in devices)
        expect(nodes == sorted([first, second]), f"listed nodes {nodes}, expected {first} {second}")
        front = find(devices, first)
        expect("Front Camera" in front["name"], f"name of {first}: {front['name']!r}")
        text = str(front)
        for word in ("MJPG", "YUYV", "640", "480", "320", "240", "30"):
            expect(word in text, f"{word} is missing in {text}")
    with report.check("list-devices: two webcams have two stable ids"):
        ids = {"A1": stable_id_of(first), "B2": stable_id_of(second)}
        expect(ids["A1"] != ids["B2"], f"both are {ids['A1']}")
    with report.check("list-devices: the table names the same"):
        table = list_devices(as_json=False)
        for word in (first, second, ids["A1"], ids["B2"], "MJPG"):
            expect(word in table, f"{word} is missing in: {table}")

    bench.unplug(0, "A1")
    bench.unplug(1, "B2")
    with report.check("list-devices: the stable id follows a webcam to another node"):
        second_again = bench.plug(1, "B2", "Side Camera")
        first_again = bench.plug(0, "A1", "Front Camera")
        expect(first_again != first, f"{first} came back as the same node; nothing was tested")
        found = {"A1": stable_id_of(first_again), "B2": stable_id_of(second_again)}
        expect(found == ids, f"ids were {ids}, now {found}")
    bench.unplug(0, "A1")
    bench.unplug(1, "B2")

    # The driver cuts the name at 31 bytes, here inside a letter of two bytes.
    with report.check("list-devices: a name cut inside a letter is listed"):
        node = bench.plug(0, "C3", "Prüfstation Nord äöüßäöü Kameraä")
        expect(find(list_devices(), node) is not None, f"{node} is not listed")
    bench.order("unplug 0")
