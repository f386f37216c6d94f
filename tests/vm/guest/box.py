"""One running box of the real release binaries, as its users see it: command line, HTTP, processes.

Neighbours: `checks.py` starts boxes through here; `viewer.py` is a viewer of one. No check is made
here beyond "it answers".
"""

import glob
import http.client
import json
import os
import signal
import subprocess

from report import CheckFailed, wait_for
from viewer import Viewer

BIN_DIR = os.environ["WIGWAG_BIN_DIR"]
# The checkout's own models, wherever the binaries lie.
MANIFEST = os.path.realpath(f"{os.path.dirname(__file__)}/../../../models/manifest.toml")
LOG_DIR = "/run/vm/out"
ADDRESS = ("127.0.0.1", 8080)

# Inference runs far slower here than on a machine; only the camera path is under test, so the
# smallest model is asked for and slowness is not taken for a hang.
REST_OF_CONFIG = f"""
[infer]
workers = 1
profile = "lite"
manifest = "{MANIFEST}"
[watchdog]
capture_ms = 60000
infer_ms = 600000
gateway_ms = 60000
start_ms = 600000
drain_ms = 60000
"""


def program(name):
    """Path of a release binary."""
    return f"{BIN_DIR}/{name}"


def camera_config(name, device, **options):
    """The table of one camera; options are the config's own keys."""
    lines = [f"[sources.{name}]", 'type = "v4l2"', f"device = {json.dumps(device)}"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in options.items()]
    return "\n".join(lines) + "\n"


def list_devices(as_json=True):
    """What `supervisor list-devices` prints: the parsed JSON, or the table's text."""
    words = [program("supervisor"), "list-devices"] + (["--json"] if as_json else [])
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise CheckFailed(f"{' '.join(words[1:])}: exit {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout) if as_json else done.stdout


class Box:
    """A box that runs until the `with` block ends."""

    def __init__(self, name, sources, arguments=()):
        self.name = name
        self.log_path = f"{LOG_DIR}/{name}.log"
        config = f"/run/vm/{name}.toml"
        with open(config, "w", encoding="utf-8") as file:
            file.write(REST_OF_CONFIG + sources)
        self.log = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            [program("supervisor"), "start", "--config", config, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )

    def __enter__(self):
        try:
            wait_for("the box to answer on its HTTP port", self._answers, 120)
        except CheckFailed:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def _answers(self):
        if self.process.poll() is not None:
            raise CheckFailed(f"supervisor start ended ({self.process.returncode}): {self.tail()}")
        return self.status()

    def tail(self):
        """The last lines of the log, on one line."""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return " / ".join(file.read().split("\n")[-8:]).strip(" /")

    def text(self, path):
        """The body of a GET request."""
        link = http.client.HTTPConnection(*ADDRESS, timeout=30)
        try:
            link.request("GET", path)
            answer = link.getresponse()
            body = answer.read()
        finally:
            link.close()
        if answer.status != 200:
            raise OSError(f"{path} answered {answer.status}: {body[:200]!r}")
        return body

    def status(self):
        """`/api/v1/status`."""
        return json.loads(self.text("/api/v1/status"))

    def source(self, name):
        """The status of one source."""
        return next(source for source in self.status()["sources"] if source["name"] == name)

    def unit(self, name):
        """The status of one unit, for example `capture/cam0`."""
        return next(unit for unit in self.status()["units"] if unit["name"] == name)

    def await_state(self, name, state):
        """Waits until a source is in this state; gives its status."""
        def look():
            seen = self.source(name)
            if seen["state"] == state:
                return seen
            raise OSError(f"{name} is {seen['state']}: {seen['detail']}")
        return wait_for(f"source {name} to be {state}", look)

    def snapshot(self, name):
        """`/snapshot/{source}`; the box may still have no picture."""
        return wait_for(f"a snapshot of {name}", lambda: self.text(f"/snapshot/{name}?strict=1"))

    def viewer(self, name):
        """A new viewer of a source."""
        return Viewer(ADDRESS, name)

    def interrupt(self):
        """Ctrl-C, then waits for the end; gives the exit code."""
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(120)
        except subprocess.TimeoutExpired as error:
            raise CheckFailed(f"still running 120 s after Ctrl-C: {self.tail()}") from error

    def end(self):
        """Ends the box whatever its state; no check depends on how."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in worker_pids():
            os.kill(pid, signal.SIGKILL)
        self.log.close()


def worker_pids():
    """Processes that run one of the release binaries."""
    pids = []
    for link in glob.glob("/proc/[0-9]*/exe"):
        try:
            if os.readlink(link).startswith(f"{BIN_DIR}/"):
                pids.append(int(link.split("/")[2]))
        except OSError:
            continue
    return pids


def leftovers():
    """What a drained box must not leave: processes, shared memory, sockets, runtime files."""
    left = [f"process {pid}" for pid in worker_pids()]
    left += glob.glob("/dev/shm/*")
    left += [f"{folder}/{name}" for folder, _, names in os.walk("/run/user/0") for name in names]
    with open("/proc/net/tcp", encoding="ascii") as table:
        listening = [line.split()[1] for line in table if line.split()[3] == "0A"]
    return left + [f"listener {address}" for address in listening]
