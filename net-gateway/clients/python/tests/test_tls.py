"""Goal: a token and frames go to the right box only. Method: TLS with certificates that `openssl`
makes for the test; each way of trusting one, and each way in which that fails."""

import contextlib
import logging
import socket
import ssl
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

import wigwag
from wigwag.endpoint import endpoint

from . import fake_box
from .fake_box import FakeBox, Peer


def lives(peer: Peer) -> None:
    kind, _ = peer.receive()
    if kind == 4:
        peer.receive()
    peer.send(fake_box.welcome() + fake_box.frame(1))
    peer.await_end()


class Tls(unittest.TestCase):
    folder: "tempfile.TemporaryDirectory[str]"
    certificate: str
    fingerprint: str
    server: ssl.SSLContext

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.certificate = str(Path(cls.folder.name, "certificate.pem"))
        key = str(Path(cls.folder.name, "key.pem"))
        make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        names = ["-subj", "/CN=wigwag", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", key, "-out", cls.certificate]
        subprocess.run([*make.split(), *names, *files], check=True, capture_output=True)
        show = ["openssl", "x509", "-in", cls.certificate, "-noout", "-fingerprint", "-sha256"]
        shown = subprocess.run(show, check=True, capture_output=True, text=True).stdout
        cls.fingerprint = shown.strip().split("=")[1]
        cls.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cls.server.load_cert_chain(cls.certificate, key)

    def setUp(self) -> None:
        logging.getLogger("wigwag").setLevel(logging.CRITICAL)
        self.addCleanup(logging.getLogger("wigwag").setLevel, logging.NOTSET)

    def test_a_known_fingerprint_is_enough(self) -> None:
        forms = [self.fingerprint, self.fingerprint.replace(":", "").lower()]
        for form in forms:
            with FakeBox(lives, context=self.server) as box:
                # By a name that the certificate does not have.
                frame = wigwag.snapshot(
                    host="localhost", port=box.port, fingerprint=form, token="secret"
                )
                self.assertEqual(frame.sequence, 1)

    def test_a_known_authority_is_enough(self) -> None:
        own = ssl.create_default_context(cafile=self.certificate)
        with FakeBox(lives, lives, context=self.server) as box:
            frame = wigwag.snapshot(port=box.port, ca_file=self.certificate)
            self.assertEqual(frame.sequence, 1)
            self.assertEqual(wigwag.snapshot(port=box.port, tls=own).sequence, 1)

    def test_another_certificate_gets_nothing(self) -> None:
        received: list[tuple[int, bytes]] = []

        def listens(peer: Peer) -> None:
            # The client may find out after the handshake, which it ends first in TLS 1.3.
            with contextlib.suppress(EOFError):
                received.append(peer.receive())

        ways: list[tuple[dict[str, Any], str]] = [
            ({"fingerprint": "00" * 32}, "fingerprint"),
            ({"tls": True}, "not trusted"),
        ]
        for how, word in ways:
            with FakeBox(listens, context=self.server) as box:
                with wigwag.watch(port=box.port, token="secret", **how) as stream:
                    with self.assertRaisesRegex(wigwag.CertificateError, word):
                        next(stream)
        self.assertEqual(received, [], "the token is not told to another box")

    def test_another_name_is_refused(self) -> None:
        with FakeBox(lives, context=self.server) as box:
            stream = wigwag.watch(host="localhost", port=box.port, ca_file=self.certificate)
            with stream, self.assertRaisesRegex(wigwag.CertificateError, "localhost"):
                next(stream)

    def test_frames_are_pushed_and_losses_survived(self) -> None:
        def dies(peer: Peer) -> None:
            peer.receive()

        def takes(peer: Peer) -> None:
            peer.receive()
            peer.send(fake_box.welcome())
            for sequence in range(1, 6):
                number, time_us, jpeg = peer.receive_frame()
                assert len(jpeg) == 500_000, len(jpeg)
                peer.send(fake_box.accepted(number, sequence))
                peer.send(fake_box.pushed_prediction(number, time_us, sequence))
            peer.await_end()

        frames = [b"\xff" * 500_000] * 5
        with FakeBox(dies, takes, context=self.server) as box:
            how = {"port": box.port, "fingerprint": self.fingerprint}
            with wigwag.push(frames, **how) as predictions:  # type: ignore[arg-type]
                self.assertEqual([item.number for item in predictions], [0, 1, 2, 3, 4])

    def test_a_box_without_tls_is_named(self) -> None:
        def plain(peer: Peer) -> None:
            peer.sock.recv(1)
            peer.send(fake_box.error(3, "message length"))
            peer.sock.shutdown(socket.SHUT_WR)
            peer.await_end()

        with FakeBox(plain) as box, wigwag.watch(port=box.port, tls=True) as stream:
            with self.assertRaisesRegex(wigwag.CertificateError, "does not agree on TLS"):
                next(stream)

    def test_what_cannot_be_meant_is_refused(self) -> None:
        for how in [
            {"fingerprint": "AA:BB"},
            {"fingerprint": "x" * 64},
            {"fingerprint": self.fingerprint, "ca_file": self.certificate},
            {"ca_file": "/nowhere.pem"},
            {"tls": ssl.create_default_context(), "ca_file": self.certificate},
        ]:
            with self.assertRaises(ValueError, msg=str(how)):
                wigwag.watch(**how)  # type: ignore[arg-type]

    def test_a_token_in_the_clear_is_warned_of(self) -> None:
        logging.getLogger("wigwag").setLevel(logging.NOTSET)
        with self.assertLogs("wigwag") as logs:
            endpoint("box.lan", 8090, "secret", False, None, None)
        self.assertIn("unencrypted", logs.output[0])
        self.assertNotIn("secret", logs.output[0])
        with self.assertNoLogs("wigwag") if hasattr(self, "assertNoLogs") else self.subTest():
            endpoint("127.0.0.1", 8090, "secret", False, None, None)
        self.assertNotIn("secret", repr(endpoint("box.lan", 8090, "secret", True, None, None)))


if __name__ == "__main__":
    unittest.main()
