"""Goal: each frame's prediction comes under the frame's own number, few frames are under way, and
what the box or the frames do wrong is told. Method: boxes that misbehave."""

import itertools
import logging
import socket
import threading
import unittest
from collections.abc import Iterator
from unittest import mock

import wigwag

from . import fake_box
from .fake_box import DEADLINE_S, FakeBox, Peer

JPEG = b"\xff\xd8\xff\xd9"


def greet(peer: Peer, **limits: int) -> None:
    kind, body = peer.receive()
    assert (kind, body[0]) == (2, 2), (kind, body)
    peer.send(fake_box.welcome(limits={"max_fps": 240, **limits}))


def answer(peer: Peer, count: int) -> list[int]:
    """Takes so many frames, and answers each with a prediction."""
    numbers = []
    for sequence in range(1, count + 1):
        number, time_us, _ = peer.receive_frame()
        numbers.append(number)
        peer.send(fake_box.accepted(number, sequence))
        peer.send(fake_box.pushed_prediction(number, time_us, sequence))
    return numbers


class Pushing(unittest.TestCase):
    def setUp(self) -> None:
        logging.getLogger("wigwag").setLevel(logging.CRITICAL)
        self.addCleanup(logging.getLogger("wigwag").setLevel, logging.NOTSET)

    def test_each_prediction_has_its_frames_number(self) -> None:
        frames = [JPEG + bytes([place]) for place in range(50)]
        received = []

        def script(peer: Peer) -> None:
            greet(peer)
            for sequence in range(1, 51):
                number, time_us, jpeg = peer.receive_frame()
                received.append((number, jpeg))
                peer.send(fake_box.accepted(number, 100 + sequence))
                peer.send(fake_box.pushed_prediction(number, time_us, 100 + sequence))
            peer.await_end()

        with FakeBox(script) as box, wigwag.push(frames, "cam", port=box.port) as predictions:
            found = [(item.number, item.sequence) for item in predictions]
        self.assertEqual(received, list(enumerate(frames)))
        self.assertEqual(found, [(number, number + 101) for number in range(50)])
        self.assertEqual((predictions.sent, predictions.source), (50, "cam0"))

    def test_no_more_frames_are_under_way_than_wanted(self) -> None:
        goes_on = threading.Event()

        def script(peer: Peer) -> None:
            greet(peer)
            held = [peer.receive_frame()[:2] for _ in range(3)]
            peer.sock.settimeout(0.2)
            try:
                self.fail(f"a fourth frame came: {peer.sock.recv(1)!r}")
            except socket.timeout:
                peer.sock.settimeout(DEADLINE_S)
            for number, _ in held:
                peer.send(fake_box.accepted(number, number + 1))
            peer.send(fake_box.pushed_prediction(2, held[2][1], 3))
            assert peer.sock.recv(1)
            goes_on.set()
            peer.await_end()

        endless = itertools.repeat(JPEG)
        with FakeBox(script) as box:
            with wigwag.push(endless, port=box.port, in_flight=3) as predictions:
                self.assertEqual(next(predictions).number, 2)
                next_one = threading.Thread(target=lambda: list(predictions), daemon=True)
                next_one.start()
                self.assertTrue(goes_on.wait(DEADLINE_S))
                predictions.close()
                next_one.join(DEADLINE_S)
                self.assertFalse(next_one.is_alive())

    def test_refused_frames_are_told_and_the_rest_goes_on(self) -> None:
        told: list[wigwag.Refusal] = []
        frames = [JPEG, b"x" * 1001, JPEG]

        def script(peer: Peer) -> None:
            greet(peer, max_frame_bytes=1000)
            number, _, _ = peer.receive_frame()
            peer.send(fake_box.message(22, number.to_bytes(8, "big") + b"\x00\x29no JPEG"))
            assert answer(peer, 1) == [2]
            peer.await_end()

        with FakeBox(script) as box:
            with wigwag.push(frames, port=box.port, on_refused=told.append) as predictions:
                self.assertEqual([item.number for item in predictions], [2])
        # The box's answer and what this side knows by itself may come in either order.
        self.assertCountEqual([(item.number, item.code) for item in told], [(0, 41), (1, 28)])
        self.assertEqual((predictions.sent, predictions.refused), (2, 2))

    def test_it_goes_on_after_a_loss_with_the_next_frame(self) -> None:
        seen = []

        def dies(peer: Peer) -> None:
            greet(peer)
            seen.extend(answer(peer, 3))
            peer.receive_frame()

        def is_held(peer: Peer) -> None:
            peer.receive()
            peer.send(fake_box.error(24, "still held"))

        def lives(peer: Peer) -> None:
            greet(peer)
            seen.extend(answer(peer, 3))
            peer.await_end()

        # It must not go on only because it gave up what the old connection had.
        frames, never = itertools.repeat(JPEG), mock.patch("wigwag.pace.UNANSWERED_S", 1e9)
        with never, FakeBox(dies, is_held, lives) as box:
            with wigwag.push(frames, port=box.port, in_flight=1) as predictions:
                found = [next(predictions).number for _ in range(6)]
        self.assertEqual(found, seen)
        self.assertEqual(found, [0, 1, 2, 4, 5, 6])

    def test_frames_of_a_camera_are_left_out_when_there_is_no_time(self) -> None:
        may_go_on = threading.Event()

        def camera() -> Iterator[bytes]:
            yield JPEG
            may_go_on.wait(DEADLINE_S)
            for _ in range(100):
                yield JPEG

        def script(peer: Peer) -> None:
            greet(peer)
            number, time_us, _ = peer.receive_frame()
            peer.send(fake_box.accepted(number, 1))
            may_go_on.set()
            peer.send(fake_box.pushed_prediction(number, time_us, 1))
            # However many came meanwhile: the last one gets its prediction.
            while number != 100:
                number, time_us, _ = peer.receive_frame()
                peer.send(fake_box.accepted(number, 2))
                peer.send(fake_box.pushed_prediction(number, time_us, 2))
            peer.await_end()

        with FakeBox(script) as box:
            with wigwag.push(camera(), port=box.port, live=True) as predictions:
                found = [item.number for item in predictions]
        self.assertEqual((found[0], found[-1]), (0, 100))
        self.assertEqual(predictions.sent + predictions.skipped, 101)

    def test_trouble_of_the_frames_is_raised_behind_their_predictions(self) -> None:
        def frames() -> Iterator[bytes]:
            yield JPEG
            raise RuntimeError("the camera burns")

        def script(peer: Peer) -> None:
            greet(peer)
            answer(peer, 1)
            peer.await_end()

        with FakeBox(script) as box, wigwag.push(frames(), port=box.port) as predictions:
            self.assertEqual(next(predictions).number, 0)
            self.assertRaisesRegex(RuntimeError, "burns", next, predictions)

    def test_frames_of_another_kind_are_refused(self) -> None:
        def script(peer: Peer) -> None:
            greet(peer)
            peer.await_end()

        with FakeBox(script) as box, wigwag.push([3], port=box.port) as predictions:
            self.assertRaisesRegex(TypeError, "a frame is int", next, predictions)

    def test_a_frame_without_prediction_does_not_hold_up_the_end(self) -> None:
        def script(peer: Peer) -> None:
            greet(peer)
            answer(peer, 1)
            number, _, _ = peer.receive_frame()
            peer.send(fake_box.accepted(number, 2))
            peer.await_end()

        with FakeBox(script) as box, wigwag.push([JPEG, JPEG], port=box.port) as predictions:
            self.assertEqual([item.number for item in predictions], [0])

    def test_what_will_not_pass_is_raised(self) -> None:
        def script(peer: Peer) -> None:
            greet(peer)
            peer.receive_frame()
            peer.send(fake_box.error(26, "ten frames in a row were refused"))
            peer.await_end()

        with FakeBox(script) as box, wigwag.push([JPEG], port=box.port) as predictions:
            self.assertRaisesRegex(wigwag.RefusedError, "ten frames", next, predictions)


if __name__ == "__main__":
    unittest.main()
