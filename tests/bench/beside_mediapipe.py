"""CPU time of a frame: infer-worker beside MediaPipe Tasks' GestureRecognizer, in turn.

    python3 -m venv venv && venv/bin/pip install mediapipe==0.10.21
    venv/bin/python tests/bench/beside_mediapipe.py --clip CLIP.mjpeg

Both use the same networks (full), the same frames and one processor, to which this script and the
programs that it starts are tied. A round is one pass of each over the clip; ratios are taken within a
round, and the tables have the medians of the rounds. Decoding is left out of both: MediaPipe is given
pictures, and `infer-worker bench` stops the clock while it decodes.

MediaPipe's recogniser needs one bundle of its networks. It is put together from the TFLite files of
the wheel mediapipe-model-maker 0.1.0, the ones that the files in models/ were made from:
`pip download --no-deps mediapipe-model-maker==0.1.0`, then `--wheel` names it.

MediaPipe's library uses the widest instructions that it finds. To be compared with our AVX2 kernels, it
also runs with AVX-512 hidden from it (`MediaPipe, AVX2`): before its first network, the record that it
keeps of the processor is cleared of it. The symbols of that record are those of 0.10.21; where they are
missing, or the processor has no AVX-512, that row is left out. A ratio is taken to the row of MediaPipe
that uses the same instructions, and for what has no such row to the one that uses all.
"""

import argparse
import ctypes
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import zipfile

CASES = ["tracked", "palm", "one_of_two"]
NETWORKS = "mediapipe_model_maker/models/gesture_recognizer/"
FRAME_MS = 40


def frames_of(clip: pathlib.Path) -> list:
    """The pictures of a file of concatenated JPEGs, decoded."""
    import cv2
    import numpy as np

    data = clip.read_bytes()
    parts = [b"\xff\xd8" + part for part in data.split(b"\xff\xd8\xff")[1:]]
    parts = [b"\xff\xd8\xff" + part[2:] for part in parts]
    pictures = [cv2.imdecode(np.frombuffer(part, np.uint8), cv2.IMREAD_COLOR) for part in parts]
    return [cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) for picture in pictures]


def bundle(wheel: pathlib.Path) -> bytes:
    """The recogniser's bundle, from the networks in the wheel."""
    from mediapipe.tasks.python.metadata.metadata_writers import model_asset_bundle_utils as utils

    folder = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"wigwag-bench-{os.getpid()}"
    folder.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        read = {name: archive.read(f"{NETWORKS}{name}.tflite")
                for name in ["palm_detection_full", "hand_landmark_full", "gesture_embedder",
                             "canned_gesture_classifier"]}

    def pack(parts: dict) -> bytes:
        path = folder / "bundle.task"
        utils.create_model_asset_bundle(parts, str(path))
        data = path.read_bytes()
        path.unlink()
        return data

    hands = pack({"hand_detector.tflite": read["palm_detection_full"],
                  "hand_landmarks_detector.tflite": read["hand_landmark_full"]})
    gestures = pack({"gesture_embedder.tflite": read["gesture_embedder"],
                     "canned_gesture_classifier.tflite": read["canned_gesture_classifier"]})
    whole = pack({"hand_landmarker.task": hands, "hand_gesture_recognizer.task": gestures})
    folder.rmdir()
    return whole


def hide_avx512() -> bool:
    """Clears AVX-512 from what MediaPipe's XNNPACK knows of the processor; false if it cannot be."""
    from mediapipe.python import _framework_bindings

    library = _framework_bindings.__file__
    names = subprocess.run(["nm", library], check=True, capture_output=True, text=True).stdout
    places = {line.split()[-1]: int(line.split()[0], 16)
              for line in names.splitlines() if len(line.split()) == 3}
    wanted = ["xnn_init_hardware_config", "hardware_config"]
    if not all(name in places for name in wanted) or " avx512f " not in open("/proc/cpuinfo").read():
        return False
    base = min(int(line.split("-")[0], 16) for line in open("/proc/self/maps") if library in line)
    init = ctypes.CFUNCTYPE(ctypes.c_void_p)(base + places[wanted[0]])
    if init() != base + places[wanted[1]]:
        return False
    # struct xnn_hardware_config of this version: bytes 14 to 19 are AVX512F, VBMI, SKX, VNNI, GFNI, AMX.
    record = (ctypes.c_ubyte * 20).from_address(base + places[wanted[1]])
    if record[13] != 1 or record[14] != 1:
        return False
    record[14:20] = [0] * 6
    return True


def cpu_ms() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1e3


def mediapipe_round(task: bytes, frames: list) -> dict:
    """Mean CPU time of MediaPipe, case by case, as `infer-worker bench` defines the cases."""
    import mediapipe as mp
    from mediapipe.tasks import python as tasks
    from mediapipe.tasks.python import vision

    times = {case: [] for case in CASES}
    for hands_max in [1, 2]:
        options = vision.GestureRecognizerOptions(
            base_options=tasks.BaseOptions(model_asset_buffer=task),
            running_mode=vision.RunningMode.VIDEO, num_hands=hands_max)
        with vision.GestureRecognizer.create_from_options(options) as recognizer:
            before = 0
            for index, frame in enumerate(frames):
                image = mp.Image(image_format=mp.ImageFormat.SRGB, data=frame)
                started = cpu_ms()
                result = recognizer.recognize_for_video(image, (index + 1) * FRAME_MS)
                spent = cpu_ms() - started
                now = len(result.hand_landmarks)
                case = {(1, 1, 1): "tracked", (1, 0, 0): "palm", (2, 1, 1): "one_of_two"}
                name = case.get((hands_max, before, now))
                # The first frames load and warm up.
                if name and index > 2:
                    times[name].append(spent)
                before = now
    return {case: statistics.mean(values) for case, values in times.items() if values}


def their_round(arguments: list) -> dict | None:
    """A round in a process of its own, because the library looks at the processor once."""
    command = [sys.executable, __file__, *sys.argv[1:], *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def our_round(program: pathlib.Path, clip: pathlib.Path, kernels: list) -> dict:
    command = [str(program), "bench", "--clip", str(clip), "--rounds", "1", "--json"]
    if kernels:
        command += ["--kernels", ",".join(kernels)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    series = [json.loads(line) for line in text.splitlines()]
    return {one["kernels"]: {case: one[case][0] for case in CASES} for one in series}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=pathlib.Path, required=True, help="concatenated JPEGs")
    parser.add_argument("--wheel", type=pathlib.Path, required=True, help="mediapipe-model-maker 0.1.0")
    parser.add_argument("--program", type=pathlib.Path, default="target/release/infer-worker")
    parser.add_argument("--kernels", default="", help="only these, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one-round", choices=["all", "avx2"], help=argparse.SUPPRESS)
    options = parser.parse_args()

    if options.one_round:
        if options.one_round == "avx2" and not hide_avx512():
            sys.exit(1)
        print(json.dumps(mediapipe_round(bundle(options.wheel), frames_of(options.clip))))
        return

    processor = sorted(os.sched_getaffinity(0))[-1]
    os.sched_setaffinity(0, {processor})
    kernels = [name for name in options.kernels.split(",") if name]
    rounds = []
    for number in range(options.rounds):
        found = {"MediaPipe": their_round(["--one-round", "all"]),
                 "MediaPipe, AVX2": their_round(["--one-round", "avx2"])}
        if found["MediaPipe"] is None:
            sys.exit("MediaPipe does not run; try --one-round all")
        found |= our_round(options.program, options.clip, kernels)
        rounds.append({name: one for name, one in found.items() if one})
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)

    print(f"{options.rounds} rounds, processor {processor}, ms of CPU time")
    print("| | " + " | ".join(f"{case} | ratio" for case in CASES) + " |")
    print("|---" * (1 + 2 * len(CASES)) + "|")
    for name in rounds[0]:
        other = "MediaPipe, AVX2" if name == "avx2" and "MediaPipe, AVX2" in rounds[0] else "MediaPipe"
        row = []
        for case in CASES:
            values = [one[name][case] for one in rounds]
            ratios = [one[name][case] / one[other][case] for one in rounds]
            row.append(f"{statistics.median(values):.2f} | {statistics.median(ratios):.2f}")
        print(f"| {name} | " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
