"""Predictions a second with more and more infer-workers.

    cargo build --release --workspace --bins
    python3 tests/bench/scaling.py                # 1, 2, ... as many workers as there are processors

Each row is a box of its own that plays the demo clip 240 times a second from as many sources as there
are workers, which is more than they can answer: newest wins, and the counters of the workers say how
many frames they took. `CPU ms` is what a worker spends on one of them: on a machine that does other
things too, it says more than the rate, because workers that get in each other's way would need more.
Only Python's standard library.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")
START_S = 60


class Box:
    """A box with `workers` infer-workers."""

    def __init__(self, program: pathlib.Path, workers: int, folder: pathlib.Path) -> None:
        self.program, self.instance = program, f"scaling{os.getpid()}w{workers}"
        config = folder / f"{workers}.toml"
        sources = [f'[sources.clip{number}]\ntype = "clip"\nfps = 240.0\n' for number in range(workers)]
        # A hand is in view for most of the clip; without one, every frame counts too.
        config.write_text(f"[infer]\nworkers = {workers}\nidle_fps = 240\n" + "".join(sources))
        self.log = open(folder / f"{workers}.log", "w+")
        self.process = subprocess.Popen(
            [program, "start", "--instance", self.instance, "--config", config,
             "--http", "127.0.0.1:0", "--wire", "127.0.0.1:0"], stdout=self.log, stderr=self.log)

    def status(self) -> dict:
        asked = subprocess.run([self.program, "status", "--instance", self.instance, "--json"],
                               capture_output=True, text=True)
        return json.loads(asked.stdout) if asked.stdout else {}

    def workers(self) -> list:
        return [unit for unit in self.status().get("units", []) if unit["kind"] == "infer"]

    def wait(self) -> None:
        deadline = time.monotonic() + START_S
        while self.status().get("state") != "ready":
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.log.seek(0)
                raise SystemExit(f"the box did not start:\n{self.log.read()}")
            time.sleep(0.2)

    def look(self) -> tuple:
        """Time, frames taken and seconds of CPU of all infer-workers."""
        workers = self.workers()
        if any(unit["restarts"] for unit in workers):
            raise SystemExit("a worker died; nothing was measured")
        taken = sum(unit["counters"].get("taken", 0) for unit in workers)
        stats = [pathlib.Path(f"/proc/{unit['pid']}/stat").read_text() for unit in workers]
        ticks = [sum(map(int, stat.rpartition(")")[2].split()[11:13])) for stat in stats]
        return time.monotonic(), taken, sum(ticks) / TICKS

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def measure(program: pathlib.Path, workers: int, seconds: float, folder: pathlib.Path) -> tuple:
    box = Box(program, workers, folder)
    try:
        box.wait()
        # The counters are reported once a second.
        time.sleep(3)
        began, ended = box.look(), None
        time.sleep(seconds)
        ended = box.look()
    finally:
        box.stop()
    elapsed, frames, cpu = (after - before for before, after in zip(began, ended))
    return frames / elapsed, cpu / max(frames, 1) * 1e3, cpu / elapsed / workers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--supervisor", type=pathlib.Path, default="target/release/supervisor")
    parser.add_argument("--workers", default="", help="as 1,2,4 [default: 1 to the processors]")
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    processors = len(os.sched_getaffinity(0))
    counts = [int(count) for count in options.workers.split(",") if count]
    program = options.supervisor.resolve()
    print("| workers | predictions/s | to one worker | CPU ms each | processor a worker got |")
    print("|---|---|---|---|---|")
    first = None
    with tempfile.TemporaryDirectory() as folder:
        for workers in counts or range(1, processors + 1):
            rate, cpu, share = measure(program, workers, options.seconds, pathlib.Path(folder))
            first = first or rate
            print(f"| {workers} | {rate:.1f} | {rate / first:.2f} | {cpu:.2f} | {share:.0%} |", flush=True)


if __name__ == "__main__":
    main()
