"""Python's multiprocessing.Manager as a frame transport, measured as the others are.

    manager.py manager-list|manager-dict|manager-bytes WIDTH HEIGHT FPS FRAMES

manager-list: a Manager().list() as a queue of numpy arrays; the reader pops its front.
manager-dict: a Manager().dict() with a numpy array and its number; the reader polls the number.
manager-bytes: as manager-list, with plain bytes, which pickle faster but are no images.
The first two are what programs with cameras do. All poll every millisecond, which is in the
figures. Prints one line of JSON in the form of src/ring/samples.rs.
"""

import json
import multiprocessing
import struct
import sys
import time

POLL_S = 0.001
PATIENCE_S = 10.0


def new_frame(transport, width_px, height_px):
    pattern = bytes(range(256))
    length = width_px * height_px * 3
    pixels = bytearray((pattern * (length // 256 + 1))[:length])
    if transport == "manager-bytes":
        return pixels
    import numpy

    return numpy.frombuffer(pixels, numpy.uint8).reshape(height_px, width_px, 3)


def stamped(frame):
    struct.pack_into("<Q", memoryview(frame).cast("B"), 0, time.monotonic_ns())
    return bytes(frame) if isinstance(frame, bytearray) else frame


def began_ns(frame):
    return struct.unpack_from("<Q", memoryview(frame).cast("B"), 0)[0]


def read(transport, shared, ready, frames, seen_ns):
    ready.set()
    newest, missed, last = 0, 0, time.monotonic()
    while newest < frames and time.monotonic() - last < PATIENCE_S:
        if transport != "manager-dict":
            try:
                frame, number = shared.pop(0), newest + 1
            except IndexError:
                time.sleep(POLL_S)
                continue
        else:
            number = shared.get("number", 0)
            if number == newest:
                time.sleep(POLL_S)
                continue
            frame = shared["frame"]
        now = time.monotonic_ns()
        seen_ns.append(now - began_ns(frame))
        missed += number - newest - 1
        newest, last = number, time.monotonic()
        sum(memoryview(frame).cast("B")[::4096])
    return missed


def percentiles(seen_ns):
    samples = sorted(nanoseconds / 1e3 for nanoseconds in seen_ns)

    def at(share):
        return samples[round((len(samples) - 1) * share)]

    return {"count": len(samples), "p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": at(1)}


def reader(transport, shared, ready, frames, results):
    seen_ns = []
    missed = read(transport, shared, ready, frames, seen_ns)
    results.put((seen_ns, missed))


def main():
    transport = sys.argv[1]
    width_px, height_px, fps, frames = map(int, sys.argv[2:6])
    frame = new_frame(transport, width_px, height_px)
    ready, results = multiprocessing.Event(), multiprocessing.Queue()
    with multiprocessing.Manager() as manager:
        shared = manager.dict() if transport == "manager-dict" else manager.list()
        arguments = (transport, shared, ready, frames, results)
        process = multiprocessing.Process(target=reader, args=arguments, daemon=True)
        process.start()
        ready.wait()
        began = time.monotonic() + 0.1
        for index in range(frames):
            time.sleep(max(0.0, began + index / fps - time.monotonic()))
            if transport == "manager-dict":
                shared["frame"] = stamped(frame)
                shared["number"] = index + 1
            else:
                shared.append(stamped(frame))
        seen_ns, missed = results.get(timeout=30)
        process.join()
    warm_up = min(frames // 5, 64)
    print(json.dumps({
        "observed_us": percentiles(seen_ns[warm_up:]),
        "wake_us": None,
        "missed": missed,
    }))


if __name__ == "__main__":
    main()
