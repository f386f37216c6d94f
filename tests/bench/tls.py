#!/usr/bin/env python3
"""What TLS costs the gateway: processor time and memory with 0, 8 and 32 viewers, without and with it.

    tests/bench/tls.py BINARIES [--rounds N] [--seconds S]

BINARIES is the folder with Wigwag's four programs. Two boxes run side by side, one without TLS and
one with it; viewers are curl processes that throw everything away. Each round measures both in
turn, the one that begins alternates; the table has the medians of the rounds.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

CONFIG = """
[sources.cam0]
type = "pattern"
width_px = 960
height_px = 720
fps = 30.0
[infer]
workers = 1
[gateway]
http = "127.0.0.1:0"
wire = "127.0.0.1:0"
http_unix = "http.sock"
[tls]
enabled = {tls}
"""


class Box:
    """One running box."""

    def __init__(self, binaries, folder, tls):
        self.tls = tls
        self.folder = folder
        self.program = binaries / "supervisor"
        self.environment = os.environ | {
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "XDG_STATE_HOME": str(folder / "state"),
        }
        (folder / "run").mkdir(mode=0o700)
        config = folder / "wigwag.toml"
        config.write_text(CONFIG.format(tls="true" if tls else "false"))
        self.instance = "bench-tls" if tls else "bench-plain"
        with (folder / "log").open("w") as log:
            self.supervisor = subprocess.Popen(
                [self.program, "--instance", self.instance, "start", "--config", config],
                env=self.environment, stdout=log, stderr=log)
        self.address = self.wait_until_ready()

    def ask(self, *words):
        return subprocess.run(
            [self.program, "--instance", self.instance, *words],
            env=self.environment, capture_output=True, check=False).stdout

    def status(self):
        answer = self.ask("status", "--json")
        return json.loads(answer) if answer else {}

    def wait_until_ready(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            status = self.status()
            if status.get("state") == "ready":
                return status["http"]
            time.sleep(0.1)
        raise SystemExit((self.folder / "log").read_text())

    def gateway(self):
        units = self.status()["units"]
        return next(unit["pid"] for unit in units if unit["name"] == "gateway")

    def frames(self):
        """Frames that all viewers together got so far, and bytes."""
        answer = subprocess.run(
            ["curl", "-sS", "--unix-socket", self.folder / "http.sock",
             "http://box/api/v1/clients"], capture_output=True, check=True).stdout
        clients = json.loads(answer)["clients"]
        return (sum(client["frames"] for client in clients),
                sum(client["bytes"] for client in clients))

    def measure(self, viewers, seconds):
        scheme = "https" if self.tls else "http"
        url = f"{scheme}://{self.address}/stream/cam0"
        command = ["curl", "-sSk", "-o", "/dev/null", url]
        running = [subprocess.Popen(command) for _ in range(viewers)]
        try:
            time.sleep(2)
            pid = self.gateway()
            frames, sent = self.frames()
            began, spent = time.monotonic(), processor_s(pid)
            time.sleep(seconds)
            spent = processor_s(pid) - spent
            took = time.monotonic() - began
            later, sent_later = self.frames()
            return {"core_percent": 100 * spent / took,
                    "pss_kib": memory_kib(pid, "Pss"), "own_kib": memory_kib(pid, "Pss_Anon"),
                    "fps": (later - frames) / took / max(viewers, 1),
                    "frame_bytes": (sent_later - sent) / max(later - frames, 1)}
        finally:
            for viewer in running:
                viewer.kill()
                viewer.wait()

    def stop(self):
        self.ask("stop")
        self.supervisor.wait()


def processor_s(pid):
    """Processor time of all threads."""
    threads = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def memory_kib(pid, kind):
    """Memory of a process: `Pss` with its share of the program's own pages, `Pss_Anon` without."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1])
    raise ValueError(f"no {kind}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binaries", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    rounds = {}
    with tempfile.TemporaryDirectory() as scratch:
        boxes = []
        try:
            for name in ("plain", "tls"):
                folder = pathlib.Path(scratch, name)
                folder.mkdir()
                boxes.append(Box(options.binaries.resolve(), folder, name == "tls"))
            for number in range(options.rounds):
                for viewers in (0, 8, 32):
                    order = boxes if number % 2 == 0 else boxes[::-1]
                    for box in order:
                        figures = box.measure(viewers, options.seconds)
                        rounds.setdefault((viewers, box.tls), []).append(figures)
        finally:
            for box in boxes:
                box.stop()
    print("| viewers | TLS | % of a core | Pss, KiB | of it not the program, KiB | fps each "
          f"| bytes per frame |\n|{'---:|' * 7}")
    for (viewers, tls), figures in sorted(rounds.items()):
        def median(key):
            return statistics.median(figure[key] for figure in figures)
        print(f"| {viewers} | {'yes' if tls else 'no'} | {median('core_percent'):.1f} "
              f"| {median('pss_kib'):.0f} | {median('own_kib'):.0f} | {median('fps'):.1f} "
              f"| {median('frame_bytes'):.0f} |")


if __name__ == "__main__":
    main()
