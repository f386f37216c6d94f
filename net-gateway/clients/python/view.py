#!/usr/bin/env python3
"""Shows a source of a Wigwag box with the hands that it sees; WIRE.md explains the bytes."""
import argparse, json, socket, struct, sys, time
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("source", nargs="?", default="", help="name of the source (default: the first)")
parser.add_argument("--box", default="127.0.0.1:8090", help="address of its wire protocol")
parser.add_argument("--headless", type=int, metavar="N", help="print N frames instead of showing them")
args, hands, shown = parser.parse_args(), [], 0
if not args.headless:
    try: import cv2, numpy
    except ImportError: sys.exit("error: no OpenCV\nhint: pip install opencv-python, or use --headless N")

def messages():  # (type, body) of each message; connects again when the connection ends
    while True:
        try:  # at least a PING comes every 5 s, so 15 s of silence are a dead connection
            with socket.create_connection(args.box.rsplit(":", 1), 15) as box, box.makefile("rb") as stream:
                name = args.source.encode()  # SUBSCRIBE to 1 frames + 2 predictions
                box.sendall(struct.pack(">IBBHBB", 6 + len(name), 1, 1, 0, 1 + 2, len(name)) + name)
                while len(head := stream.read(8)) == 8:
                    length, _version, kind, _reserved = struct.unpack(">IBBH", head)
                    if len(body := stream.read(length - 4)) == length - 4: yield kind, body
        except (OSError, ValueError) as error: print(f"{args.box}: {error}", file=sys.stderr)
        time.sleep(0.5)

for kind, body in messages():
    if kind == 127: (sys.exit if body[1] == 5 else sys.stderr.write)(f"error: {body[2:].decode()}\n")  # 5: no such source
    if kind == 18: hands = (said := json.loads(body[16:]))["hands"] + [{**s, "box": [0.02, 0.1, 0, 0]} for s in [said.get("scene")] if s]
    if kind == 18 and args.headless: print("prediction", *struct.unpack(">QQ", body[:16]), [h["gesture"] for h in hands])
    if kind == 17 and args.headless: print("frame", *struct.unpack(">QQII", body[:24]), len(body) - 24, flush=True)
    elif kind in (17, 20) and not args.headless:  # 20: a notice in a frame's place, its picture behind its text
        offset = 24 if kind == 17 else 18 + body[16] * 256 + body[17]
        if (image := cv2.imdecode(numpy.frombuffer(body, numpy.uint8, offset=offset), 1)) is None: continue  # damaged
        for hand in hands if kind == 17 else []:
            x, y, w, h = (round(f * image.shape[1 - i % 2]) for i, f in enumerate(hand["box"]))
            cv2.rectangle(image, (x, y, w, h), (0, 200, 0), 2)
            cv2.putText(image, f"{hand['gesture']} {hand['score']:.2f}", (x, y - 6), 0, 0.7, (0, 200, 0), 2)
        cv2.imshow("Wigwag", image)
    shown += kind == 17
    if shown == args.headless or not args.headless and cv2.waitKey(1) in (27, ord("q")): break
