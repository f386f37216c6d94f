"""The classic Python design: one process captures into a multiprocessing.Manager, another serves it as
pickles behind their length over TCP, with a thread for each client.

    classic.py CLIP FPS

Prints its port. A message is struct.pack("Q", length) and the pickle of (time at which the frame was due, JPEG), as
the tutorials have it; clients' threads poll the Manager every millisecond for a newer frame.
"""

import multiprocessing
import pickle
import socket
import struct
import sys
import threading
import time

POLL_S = 0.001


def frames_of(path):
    with open(path, "rb") as file:
        clip = file.read()
    return [b"\xff\xd8\xff" + part for part in clip.split(b"\xff\xd8\xff")[1:]]


def capture(shared, path, fps):
    frames, began, began_wall = frames_of(path), time.monotonic(), time.time()
    number = 0
    while True:
        time.sleep(max(0.0, began + number / fps - time.monotonic()))
        shared["frame"] = (number + 1, began_wall + number / fps, frames[number % len(frames)])
        number += 1


def serve(client, shared):
    last = 0
    try:
        while True:
            number, captured, jpeg = shared.get("frame", (0, 0.0, b""))
            if number == last:
                time.sleep(POLL_S)
                continue
            last = number
            message = pickle.dumps((captured, jpeg), protocol=4)
            client.sendall(struct.pack("Q", len(message)) + message)
    except OSError:
        client.close()


def main():
    path, fps = sys.argv[1], float(sys.argv[2])
    with multiprocessing.Manager() as manager:
        shared = manager.dict()
        arguments = (shared, path, fps)
        multiprocessing.Process(target=capture, args=arguments, daemon=True).start()
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        print(listener.getsockname()[1], flush=True)
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(client, shared), daemon=True).start()


if __name__ == "__main__":
    main()
