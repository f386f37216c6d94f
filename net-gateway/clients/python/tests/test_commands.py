"""Goal: the commands understand what users write, say what is wrong and how to mend it, and draw
what was recognised. Those with pictures need OpenCV."""

import argparse
import contextlib
import io
import json
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import wigwag
from wigwag import overlay, pictures
from wigwag.commands import options, push, view
from wigwag.commands.window import SILENT_S, Scene
from wigwag.commands.wording import hands_line, json_line
from wigwag.frame_sources import changed, open_source
from wigwag.jpeg_stream import split

from . import fake_box
from .fake_box import FakeBox, Peer

try:
    import cv2
    import numpy
except ImportError:
    cv2 = None

# With a thumbnail in a segment, restarts and stuffed bytes in its scan.
JPEG = (
    b"\xff\xd8\xff\xe1\x00\x0e\xff\xd8thumb\xff\xd9end"
    b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x12\xff\x00\xff\xd0\x34\xff\xd9"
)


def prediction(sequence: int = 7, capture_time_us: int = 7000) -> wigwag.Prediction:
    hand = wigwag.Hand("Thumb_Up", 0.934, "Right", (0.1, 0.1, 0.2, 0.2), ((0.5, 0.5, 0.0),) * 21)
    data = {"source": "cam0", "sequence": sequence}
    return wigwag.Prediction("cam0", sequence, capture_time_us, (hand,), 9.0, False, data)


def run(command: object, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = command.main(arguments)  # type: ignore[attr-defined]
        except SystemExit as end:
            code = end.code
    return code, out.getvalue(), err.getvalue()


class Cutting(unittest.TestCase):
    def test_jpegs_are_cut_apart_wherever_the_pieces_end(self) -> None:
        data = b"garbage\xff" + JPEG + b"\x00between" + JPEG * 2 + JPEG[:-2]
        for size in [1, 2, 3, 5, 1000]:
            pieces = [data[at : at + size] for at in range(0, len(data), size)]
            self.assertEqual(list(split(pieces)), [JPEG] * 3, f"pieces of {size} bytes")

    def test_a_cut_jpeg_does_not_take_the_next_one_along(self) -> None:
        self.assertEqual(list(split([JPEG[:-3] + JPEG])), [JPEG[:-3], JPEG])


class Words(unittest.TestCase):
    def test_where_a_box_is(self) -> None:
        for text, expected in [
            ("box.lan", ("box.lan", 8090)),
            ("box.lan:81", ("box.lan", 81)),
            ("::1", ("::1", 8090)),
            ("[::1]:81", ("::1", 81)),
            ("[::1]", ("::1", 8090)),
        ]:
            self.assertEqual(options.parse_box(text), expected)
        for text in ["", ":81", "box:", "box:x", "box:-1", "box:²"]:
            self.assertRaises(wigwag.WigwagError, options.parse_box, text)

    def test_lines(self) -> None:
        self.assertEqual(hands_line(prediction()), "Thumb_Up 0.93 Right")
        line = json.loads(json_line(prediction(), number=3))
        self.assertEqual(line, {"source": "cam0", "sequence": 7, "number": 3})

    def test_a_token_comes_from_a_file_or_the_environment(self) -> None:
        def token(file: object = None) -> object:
            wanted = argparse.Namespace(
                box="b", token_file=file, tls=False, ca_file=None, fingerprint=None
            )
            return options.box_arguments(wanted)["token"]

        with mock.patch.dict(os.environ, {"WIGWAG_TOKEN": "one"}):
            self.assertEqual(token(), "one")
            with tempfile.NamedTemporaryFile("w") as file:
                self.assertRaisesRegex(wigwag.WigwagError, "empty", token, file.name)
                file.write(" two \n")
                file.flush()
                self.assertEqual(token(file.name), "two")
        self.assertRaisesRegex(wigwag.WigwagError, "nowhere", token, "/nowhere")
        with mock.patch.dict(os.environ, {"WIGWAG_TOKEN": ""}):
            self.assertIsNone(token())

    def test_names_from_the_network_lead_nowhere(self) -> None:
        name = view.file_name(wigwag.Frame("../../etc/x", 5, 0, 1, 1, b""))
        self.assertEqual(name, "______etc_x-0000000005.jpg")

    def test_errors_have_a_hint_and_an_exit_code(self) -> None:
        code, out, err = run(push, "/nowhere.mp4")
        self.assertEqual((code, out), (1, ""))
        self.assertEqual(
            err, "error: `/nowhere.mp4` is not there\nhint: give a file, a folder, a camera, or -\n"
        )
        self.assertEqual(run(push, "x", "--fps", "0")[0], 2)
        code, out, _ = run(push, "--help")
        self.assertEqual(code, 0)
        self.assertIn("WIGWAG_TOKEN", out)
        with mock.patch.dict(os.environ, clear=True):
            code, _, err = run(view)
        self.assertEqual(code, 1)
        self.assertIn("hint:", err)
        self.assertIn("--text", err)


class Running(unittest.TestCase):
    """The commands with a box that is made for them."""

    def test_frames_are_kept_and_predictions_printed(self) -> None:
        def script(peer: Peer) -> None:
            peer.receive()
            peer.send(fake_box.welcome() + fake_box.prediction(1))
            peer.send(fake_box.frame(1, b"one") + fake_box.frame(2, b"two"))
            peer.await_end()

        with tempfile.TemporaryDirectory() as folder, FakeBox(script) as box:
            kept = Path(folder, "new")
            arguments = ["--box", f"127.0.0.1:{box.port}", "--count", "2", "--text"]
            code, out, err = run(view, *arguments, "--save", str(kept))
            files = {path.name: path.read_bytes() for path in kept.iterdir()}
        self.assertEqual((code, out, err), (0, "1 Thumb_Up 0.93 Right\n", ""))
        self.assertEqual(files, {"cam0-0000000001.jpg": b"one", "cam0-0000000002.jpg": b"two"})

    def test_files_are_pushed(self) -> None:
        received = []

        def script(peer: Peer) -> None:
            peer.receive()
            peer.send(fake_box.welcome())
            for sequence in range(1, 4):
                number, time_us, jpeg = peer.receive_frame()
                received.append(jpeg)
                peer.send(fake_box.accepted(number, sequence))
                peer.send(fake_box.pushed_prediction(number, time_us, sequence))
            peer.await_end()

        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "b.jpg").write_bytes(b"b")
            Path(folder, "a.JPG").write_bytes(b"a")
            Path(folder, "c.jpeg").write_bytes(b"c")
            Path(folder, "readme.txt").write_bytes(b"no")
            with FakeBox(script) as box:
                where = ["--box", f"127.0.0.1:{box.port}"]
                code, out, err = run(push, folder, "--json", *where)
        self.assertEqual(code, 0, err)
        self.assertEqual(received, [b"a", b"b", b"c"])
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([line["number"] for line in lines], [0, 1, 2])
        self.assertEqual(err, "3 frames sent, 0 refused, 3 predictions\n")

    def test_an_mjpeg_file_begins_again_if_wanted(self) -> None:
        with tempfile.NamedTemporaryFile(suffix=".mjpeg") as file:
            file.write(JPEG * 2)
            file.flush()
            self.assertEqual(list(open_source(file.name).frames), [JPEG] * 2)
            frames = open_source(file.name, loop=True).frames
            self.assertEqual([next(frames) for _ in range(5)], [JPEG] * 5)


@unittest.skipUnless(cv2, pictures.HINT)
class Drawing(unittest.TestCase):
    def test_pictures_there_and_back(self) -> None:
        image = numpy.full((48, 64, 3), 200, numpy.uint8)
        jpeg = pictures.as_jpeg(image)
        self.assertEqual(wigwag.Frame("a", 1, 0, 64, 48, jpeg).image().shape, (48, 64, 3))
        for bad in [b"", b"no JPEG", jpeg[:20]]:
            self.assertRaises(ValueError, pictures.decode, bad)
        self.assertRaises(ValueError, pictures.encode, numpy.zeros((2, 2, 9), numpy.float64))

    def test_frames_are_mirrored_and_scaled(self) -> None:
        image = numpy.zeros((40, 80, 3), numpy.uint8)
        image[:, :40] = 255
        small = next(changed(iter([pictures.encode(image)]), True, 40))
        self.assertEqual(small.shape, (20, 40, 3))
        self.assertLess(small[:, :18].max(), 40)
        self.assertGreater(small[:, 22:].min(), 200)
        self.assertEqual(next(changed(iter([image]), False, 100)).shape, image.shape)

    def test_hands_are_drawn_where_they_are(self) -> None:
        far = wigwag.Hand("None", 0.5, "Left", (0.0,) * 4, ((1e300, float("inf"), 0.0),) * 21)
        for mirror, column in [(False, 160), (True, 480)]:
            hand = wigwag.Hand("None", 0.5, "Left", (0.0,) * 4, ((0.25, 0.5, 0.0),) * 21)
            image = numpy.zeros((480, 640, 3), numpy.uint8)
            overlay.draw_hands(image, [hand, far], mirror)
            self.assertTrue(image[240, column].any(), f"mirror {mirror}")
            self.assertFalse(image[240, 640 - column].any(), f"mirror {mirror}")

    def test_what_a_whole_frame_shows_stands_in_its_corner(self) -> None:
        image = numpy.zeros((480, 640, 3), numpy.uint8)
        overlay.draw_scene(image, wigwag.Scene("Thumb_Up", 0.93))
        self.assertTrue(image[:40, :200].any())
        self.assertFalse(image[60:].any())

    def test_a_window_shows_the_newest_frame_with_its_hands(self) -> None:
        jpeg = pictures.encode(numpy.zeros((480, 640, 3), numpy.uint8))
        scene = Scene(mirror=False)
        self.assertIsNone(scene.draw(0.0))
        self.assertTrue(scene.take([wigwag.Frame("cam0", 7, 7000, 640, 480, jpeg)], 0.0))
        plain = scene.draw(0.0)
        assert plain is not None
        self.assertTrue(scene.take([prediction()], 0.0), "its own hands have come")
        own = scene.draw(0.0)
        assert own is not None
        self.assertTrue(own[240, 320].any() and not plain[240, 320].any())
        scene.take([wigwag.Frame("cam0", 99, 9_000_000, 640, 480, jpeg)], 0.0)
        later = scene.draw(0.0)
        assert later is not None
        self.assertFalse(later[240, 320].any(), "hands that are too old are not drawn")
        self.assertFalse(scene.take([], SILENT_S / 2))
        self.assertTrue(scene.take([], SILENT_S + 0.1), "it says that the box is silent")
        silent = scene.draw(SILENT_S + 0.1)
        assert silent is not None
        self.assertTrue(silent[:30].any())
        scene.take([wigwag.Frame("cam0", 100, 0, 640, 480, b"damaged")], 4.0)
        self.assertIsNone(scene.draw(4.0))
        self.assertEqual(scene.frames, 3)


class WithoutOpenCv(unittest.TestCase):
    def test_it_is_said_what_is_missing(self) -> None:
        frame = wigwag.Frame("a", 1, 0, 1, 1, JPEG)
        with mock.patch.dict("sys.modules", {"cv2": None}):
            with self.assertRaisesRegex(wigwag.MissingFeatureError, "OpenCV") as caught:
                frame.image()
            self.assertIn("pip install", str(caught.exception.hint))
            self.assertRaises(wigwag.MissingFeatureError, open_source, "0")


if __name__ == "__main__":
    unittest.main()
