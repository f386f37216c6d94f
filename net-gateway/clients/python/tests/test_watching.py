"""Goal: whoever watches gets what comes, over any number of losses, and is told only what will not
pass. Method: boxes that misbehave, one script for each connection."""

import logging
import socket
import threading
import time
import unittest

import wigwag
from wigwag.backoff import FIRST_S
from wigwag.connection import Connection
from wigwag.dial import LostError
from wigwag.waker import Waker

from . import fake_box
from .fake_box import DEADLINE_S, FakeBox, Peer


def greet(peer: Peer, first: int = 1) -> None:
    kind, _ = peer.receive()
    assert kind == first, kind
    peer.send(fake_box.welcome())


class Watching(unittest.TestCase):
    def setUp(self) -> None:
        # That a connection was lost is logged, and is what these tests are about.
        logging.getLogger("wigwag").setLevel(logging.CRITICAL)
        self.addCleanup(logging.getLogger("wigwag").setLevel, logging.NOTSET)

    def test_what_comes_is_given_in_order(self) -> None:
        def script(peer: Peer) -> None:
            greet(peer)
            for part in [fake_box.prediction(1), fake_box.frame(2), fake_box.message(19, b"")]:
                peer.send(part)
            peer.send(fake_box.prediction(2))
            peer.await_end()

        with FakeBox(script) as box, wigwag.watch("cam0", port=box.port, newest=False) as stream:
            found = [next(stream) for _ in range(3)]
        kinds = [(type(item).__name__, item.sequence) for item in found]
        self.assertEqual(kinds, [("Prediction", 1), ("Frame", 2), ("Prediction", 2)])

    def test_what_is_wanted_is_said(self) -> None:
        opened: list[bytes] = []

        def script(peer: Peer) -> None:
            kind, body = peer.receive()
            opened.append(bytes([kind]) + body)
            if kind == 4:
                kind, body = peer.receive()
                opened.append(bytes([kind]) + body)
            peer.send(fake_box.welcome() + fake_box.frame(1) + fake_box.prediction(1))
            peer.await_end()

        with FakeBox(script, script, script) as box:
            with wigwag.watch("a", port=box.port, predictions=False) as stream:
                next(stream)
            with wigwag.events(port=box.port, token="secret") as heard:
                self.assertIsInstance(next(heard), wigwag.Prediction)
            self.assertEqual(wigwag.snapshot("b", port=box.port).sequence, 1)
        self.assertEqual(
            opened, [b"\x01\x01\x01a", b"\x04secret", b"\x01\x02\x00", b"\x01\x01\x01b"]
        )
        self.assertRaises(ValueError, wigwag.watch, frames=False, predictions=False)
        self.assertRaises(ValueError, wigwag.watch, port=0)

    def test_it_goes_on_after_every_kind_of_loss(self) -> None:
        def dies_at_once(_peer: Peer) -> None:
            pass

        def dies_later(peer: Peer) -> None:
            greet(peer)
            peer.send(fake_box.frame(1) + fake_box.frame(2)[:20])

        def restarts(peer: Peer) -> None:
            greet(peer)
            peer.send(fake_box.error(8, "the gateway is stopping"))

        def goes_mad(peer: Peer) -> None:
            greet(peer)
            peer.send(fake_box.prediction(3, b"no JSON"))

        def lives(peer: Peer) -> None:
            greet(peer)
            peer.send(fake_box.frame(7))
            peer.await_end()

        scripts = [dies_at_once, dies_later, restarts, goes_mad, lives]
        with FakeBox(*scripts) as box, wigwag.watch(port=box.port) as stream:
            sequences = [next(stream).sequence for _ in range(2)]
            self.assertEqual(stream.connections, 4)
            self.assertLessEqual(stream._link._backoff.next_s(), FIRST_S, "the next loss is new")
        self.assertEqual(sequences, [1, 7])

    def test_what_will_not_pass_is_raised(self) -> None:
        cases: list[tuple[int, type[wigwag.BoxError]]] = [
            *((code, wigwag.RefusedError) for code in (1, 2, 3, 4, 13, 23, 26, 28, 29)),
            *((code, wigwag.UnknownSourceError) for code in (5, 20)),
            *((code, wigwag.TokenError) for code in (9, 10, 11)),
        ]
        for code, kind in cases:

            def script(peer: Peer, code: int = code) -> None:
                peer.receive()
                peer.send(fake_box.error(code, "so it is"))
                peer.await_end()

            with FakeBox(script) as box, wigwag.watch(port=box.port) as stream:
                with self.assertRaisesRegex(kind, "so it is") as caught:
                    next(stream)
                self.assertEqual(caught.exception.code, code)

    def test_what_is_no_box_is_raised(self) -> None:
        def script(peer: Peer) -> None:
            peer.receive()
            peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        with FakeBox(script) as box, wigwag.watch(port=box.port) as stream:
            self.assertRaises(wigwag.ProtocolError, next, stream)

    def test_the_newest_frame_is_given_and_every_prediction(self) -> None:
        is_seen, is_sent = threading.Event(), threading.Event()

        def script(peer: Peer) -> None:
            greet(peer)
            peer.send(fake_box.frame(1))
            is_seen.wait(DEADLINE_S)
            for sequence in range(2, 30):
                peer.send(fake_box.frame(sequence) + fake_box.prediction(sequence))
            is_sent.set()
            peer.await_end()

        with FakeBox(script) as box, wigwag.watch(port=box.port) as stream:
            next(stream)
            is_seen.set()
            self.assertTrue(is_sent.wait(DEADLINE_S))
            found: list[wigwag.Frame] = []
            predictions: list[int] = []
            while len(predictions) < 28:
                item = next(stream)
                if isinstance(item, wigwag.Frame):
                    found.append(item)
                else:
                    predictions.append(item.sequence)
            self.assertEqual(predictions, list(range(2, 30)))
            self.assertEqual(found[-1].sequence, 29)
            self.assertEqual(stream.skipped, 29 - 1 - len(found))
            self.assertGreater(stream.skipped, 0)

    def test_a_box_that_says_nothing_is_lost(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        waker = Waker()
        self.addCleanup(waker.release)
        connection = Connection(ours, waker, silence_s=0.05)
        theirs.sendall(fake_box.message(fake_box.PING, b""))
        self.assertIsNotNone(connection.receive(None))
        with self.assertRaisesRegex(LostError, "nothing came"):
            connection.receive(None)
        # Bytes that came while nobody looked are life, however long ago that was.
        connection.close()
        ours, late = socket.socketpair()
        ours.setblocking(False)
        connection = Connection(ours, waker, silence_s=0.05)
        time.sleep(0.1)
        late.sendall(fake_box.message(fake_box.PING, b""))
        self.assertIsNotNone(connection.receive(None))
        connection.close()
        late.close()
        theirs.close()

    def test_close_from_another_thread_ends_any_wait(self) -> None:
        def silent(peer: Peer) -> None:
            peer.await_end()

        with FakeBox(silent) as box, socket.create_server(("127.0.0.1", 0)) as gone:
            nobody = gone.getsockname()[1]
            gone.close()
            for port in (box.port, nobody):
                stream = wigwag.watch(port=port)
                got: list[object] = []
                reader = threading.Thread(target=lambda s=stream, g=got: g.extend(s), daemon=True)
                reader.start()
                stream.close()
                reader.join(DEADLINE_S)
                self.assertFalse(reader.is_alive(), port)
                self.assertEqual(got, [])
                self.assertIsNone(stream.get(), "it stays closed")

    def test_nobody_is_tried_for_as_long_as_wanted(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        with wigwag.watch(port=port, give_up_after_s=0.2) as stream:
            with self.assertRaisesRegex(wigwag.UnreachableError, str(port)):
                next(stream)
        with wigwag.watch(port=port) as stream:
            self.assertIsNone(stream.get(timeout_s=0.05))
        with self.assertRaises(wigwag.UnreachableError):
            wigwag.snapshot(port=port, timeout_s=0.05)

    def test_losses_are_told_once(self) -> None:
        logging.getLogger("wigwag").setLevel(logging.NOTSET)

        def dies(peer: Peer) -> None:
            greet(peer)

        def lives(peer: Peer) -> None:
            greet(peer)
            peer.send(fake_box.frame(1))
            peer.await_end()

        with self.assertLogs("wigwag") as logs:
            with FakeBox(dies, dies, dies, lives) as box, wigwag.watch(port=box.port) as stream:
                next(stream)
        self.assertEqual(len(logs.output), 2, logs.output)
        self.assertIn("the box ended the connection; trying again", logs.output[0])
        self.assertIn("connected again", logs.output[1])


if __name__ == "__main__":
    unittest.main()
