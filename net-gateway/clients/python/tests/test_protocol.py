"""Goal: every message is read and written as WIRE.md says, and nothing that a box sends can do more
than raise `ProtocolError`."""

import json
import random
import struct
import unittest
from typing import Any

from wigwag import protocol
from wigwag.errors import ProtocolError
from wigwag.inbox import MESSAGE_BYTES_MAX, Inbox
from wigwag.messages import (
    Accepted,
    Ended,
    Frame,
    Notice,
    Ping,
    Prediction,
    Refusal,
    Scene,
    Welcome,
)

from . import fake_box


def read(data: bytes) -> object:
    inbox = Inbox()
    inbox.feed(data)
    return inbox.next()


def _listed(*values: Any) -> tuple[Any, ...]:
    return values


class Written(unittest.TestCase):
    """What a client sends."""

    def test_examples_of_the_document(self) -> None:
        subscribe = bytes.fromhex("0000000a010100000304") + b"cam0"
        self.assertEqual(protocol.subscribe("cam0", 3), subscribe)
        push = bytes.fromhex("00000009010200000203") + b"cam"
        self.assertEqual(protocol.push("cam"), push)
        head = bytes.fromhex("0000a80c0103000000000000000000070000000000000009")
        frame = protocol.push_frame(7, 9, b"\xff" * 43_000)
        self.assertEqual(frame[:24], head)
        self.assertEqual(len(frame), 24 + 43_000)
        self.assertEqual(protocol.auth("käse"), bytes.fromhex("0000000901040000") + "käse".encode())

    def test_what_cannot_be_said_is_refused(self) -> None:
        for name in ["x" * 256, "ä" * 128]:
            self.assertRaises(ValueError, protocol.subscribe, name, 1)
        for token in ["", "x" * 256]:
            self.assertRaises(ValueError, protocol.auth, token)
        protocol.auth("x" * 255)
        protocol.push("ä" * 127)


class Read(unittest.TestCase):
    """What a box sends."""

    def test_each_message(self) -> None:
        inbox = Inbox()
        notice = struct.pack(">QQH", 5, 6, 4) + b"lost" + b"\xff\xd8"
        for data in [
            fake_box.welcome(limits={"max_fps": 30, "max_frame_bytes": "many"}),
            fake_box.frame(41, b"\xff\xd8jpeg"),
            fake_box.prediction(41),
            fake_box.message(fake_box.PING, b""),
            fake_box.message(fake_box.NOTICE, notice),
            fake_box.accepted(7, 41),
            fake_box.message(fake_box.REFUSED, struct.pack(">QH", 7, 41) + b"no JPEG"),
            fake_box.pushed_prediction(7, 9, 41),
            fake_box.error(21, "held"),
        ]:
            inbox.feed(data)
        welcome = inbox.next()
        assert isinstance(welcome, Welcome)
        self.assertEqual(welcome.source, "cam0")
        self.assertEqual(welcome.limit("max_fps"), 30)
        self.assertIsNone(welcome.limit("max_frame_bytes"))
        self.assertEqual(inbox.next(), Frame("cam0", 41, 41_000, 640, 480, b"\xff\xd8jpeg"))
        prediction = inbox.next()
        assert isinstance(prediction, Prediction)
        self.assertEqual((prediction.sequence, prediction.capture_time_us), (41, 41_000))
        self.assertEqual(prediction.hands[0].gesture, "Thumb_Up")
        self.assertEqual(len(prediction.hands[0].landmarks), 21)
        self.assertEqual(prediction.data["generation"], 3)
        self.assertIsNone(prediction.number)
        self.assertIsNone(prediction.scene)
        self.assertEqual(inbox.next(), Ping())
        self.assertEqual(inbox.next(), Notice("cam0", 5, 6, "lost", b"\xff\xd8"))
        self.assertEqual(inbox.next(), Accepted(7, 41))
        self.assertEqual(inbox.next(), Refusal(7, 41, "no JPEG"))
        pushed = inbox.next()
        assert isinstance(pushed, Prediction)
        self.assertEqual((pushed.number, pushed.pushed_time_us, pushed.sequence), (7, 9, 41))
        self.assertEqual(inbox.next(), Ended(21, "held"))
        self.assertIsNone(inbox.next())

    def test_what_a_whole_frame_shows_is_read_and_checked(self) -> None:
        def said(scene: object) -> object:
            told = {**fake_box.prediction_json(41, hands=()), "scene": scene}
            return read(fake_box.prediction(41, json.dumps(told).encode()))

        prediction = said({"gesture": "Thumb_Up", "score": 0.93, "steady": {}})
        assert isinstance(prediction, Prediction)
        self.assertEqual(prediction.scene, Scene("Thumb_Up", 0.93))
        self.assertEqual(prediction.hands, ())
        for wrong in [None, 3, [], {}, {"gesture": "A"}, {"gesture": 1, "score": 1}]:
            with self.assertRaises(ProtocolError, msg=repr(wrong)):
                said(wrong)

    def test_bytes_come_in_any_pieces(self) -> None:
        data = fake_box.welcome() + fake_box.frame(1) + fake_box.prediction(1) + fake_box.frame(2)
        whole = Inbox()
        whole.feed(data)
        expected = [whole.next() for _ in range(4)]
        for size in [1, 2, 7, 8, 9, 100]:
            inbox, found = Inbox(), []
            for at in range(0, len(data), size):
                inbox.feed(data[at : at + size])
                while (message := inbox.next()) is not None:
                    found.append(message)
            self.assertEqual(found, expected, f"pieces of {size} bytes")

    def test_unknown_types_and_keys_are_passed_over(self) -> None:
        inbox = Inbox()
        for kind in [0, 1, 24, 126, 128, 255]:
            inbox.feed(fake_box.message(kind, b"\x00" * kind))
        more = json.dumps({**fake_box.prediction_json(1), "events": ["wave"]}).encode()
        inbox.feed(fake_box.prediction(1, more))
        prediction = inbox.next()
        assert isinstance(prediction, Prediction)
        self.assertEqual(prediction.data["events"], ["wave"])

    def test_reserved_bytes_are_ignored(self) -> None:
        self.assertEqual(read(struct.pack(">IBBH", 4, 1, 19, 65535)), Ping())

    def test_times_beyond_the_calendar_are_no_error(self) -> None:
        body = struct.pack(">QQII", 1, 2**64 - 1, 1, 1)
        frame = read(fake_box.message(fake_box.FRAME, body))
        assert isinstance(frame, Frame)
        self.assertEqual(frame.capture_time.year, 9999)


class Hostile(unittest.TestCase):
    """What no box sends."""

    def test_lengths_that_lie(self) -> None:
        for length in [0, 3, MESSAGE_BYTES_MAX + 1, 2**32 - 1]:
            with self.assertRaises(ProtocolError, msg=str(length)):
                read(struct.pack(">IBBH", length, 1, 17, 0))
        # A long one is believed, and takes no memory before its bytes come.
        self.assertIsNone(read(struct.pack(">IBBH", MESSAGE_BYTES_MAX, 1, 17, 0)))

    def test_other_versions(self) -> None:
        with self.assertRaisesRegex(ProtocolError, "version 2"):
            read(fake_box.message(fake_box.PING, b"", version=2))

    def test_other_protocols_are_named(self) -> None:
        for data, word in [
            (b"HTTP/1.1 400 Bad Request\r\n", "HTTP"),
            (b"\x15\x03\x03\x00\x02\x02\x46\x00", "TLS"),
            (b"SSH-2.0-OpenSSH", "SSH"),
        ]:
            with self.assertRaises(ProtocolError) as caught:
                read(data)
            self.assertIn(word, str(caught.exception.hint))
        inbox = Inbox()
        inbox.feed(b"\x15\x03\x03\x00\x02\x02\x46")
        self.assertIsNone(inbox.next(), "too short for a message")
        self.assertRaises(ProtocolError, inbox.end)

    def test_bodies_that_are_cut(self) -> None:
        for data in [
            fake_box.welcome(),
            fake_box.frame(1),
            fake_box.prediction(1),
            fake_box.pushed_prediction(1, 2, 3),
            fake_box.accepted(1, 2),
            fake_box.error(5),
            fake_box.message(fake_box.NOTICE, struct.pack(">QQH", 1, 2, 3) + b"abc"),
            fake_box.message(fake_box.REFUSED, struct.pack(">QH", 1, 2)),
        ]:
            kind, body = data[5], data[8:]
            least = {17: 24, 127: 2, 20: 21, 22: 10}.get(kind, len(body))
            for length in range(least):
                with self.assertRaises(ProtocolError, msg=f"type {kind}, {length} bytes"):
                    read(fake_box.message(kind, body[:length]))

    def test_json_that_is_none_or_another(self) -> None:
        good = fake_box.prediction_json(1)
        hand = fake_box.HAND
        bad = [
            b"",
            b"[]",
            b"null",
            b"\xff",
            b"{",
            b"[" * 100_000,
            b'{"hands": [], "age_ms": NaN}',
            b'{"hands": [], "age_ms": "old"}',
            b"{}",
        ]
        bad += [
            json.dumps({**good, "hands": hands}).encode()
            for hands in _listed(
                None,
                3,
                {},
                ["hand"],
                [{}],
                [{**hand, "gesture": 1}],
                [{**hand, "score": "high"}],
                [{**hand, "box": [1, 2, 3]}],
                [{**hand, "box": "four"}],
                [{**hand, "landmarks": [[1, 2]]}],
                [{**hand, "landmarks": [1]}],
                [{**hand, "landmarks": [[None, 0, 0]]}],
            )
        ]
        for data in bad:
            with self.assertRaises(ProtocolError, msg=repr(data[:80])):
                read(fake_box.prediction(1, data))
        for data in [b"[]", b'{"source": 3}', b"{}", b"cam0"]:
            with self.assertRaises(ProtocolError, msg=repr(data)):
                read(fake_box.message(fake_box.WELCOME, data))

    def test_garbage_raises_nothing_else(self) -> None:
        dice = random.Random(1)
        seeds = [fake_box.welcome(), fake_box.frame(1), fake_box.prediction(1), fake_box.error(1)]
        for turn in range(3000):
            data = bytearray(b"".join(dice.choices(seeds, k=3)))
            for _ in range(dice.randrange(1, 8)):
                data[dice.randrange(len(data))] = dice.randrange(256)
            inbox = Inbox()
            inbox.feed(bytes(data))
            try:
                while inbox.next() is not None:
                    pass
            except ProtocolError:
                pass
            except Exception as error:
                self.fail(f"turn {turn}: {error!r} of {bytes(data)!r}")


if __name__ == "__main__":
    unittest.main()
