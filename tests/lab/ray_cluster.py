"""A Ray cluster of two nodes on one machine, of a Python that has Ray and this tool; one node can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.lab.cache import once
from tests.lab.commands import SetupError, run
from tests.lab.ports import free_port

RAY = "2.60.*"
ROOT = Path(__file__).resolve().parents[2]
UP_SECONDS = 300.0
PATIENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_agent_register_timeout_ms": "300000",
    "RAY_raylet_start_wait_time_s": "300",
    "RAY_worker_register_timeout_seconds": "300",
}
"""On a busy machine Ray's processes take their time to import, and a node gives up without its agent."""


def ray_python() -> Path:
    """Return a Python that has Ray, and the packages of this one (a minute on first use)."""
    python = once(f"ray-{RAY.removesuffix('.*')}", "installing Ray", _install) / "venv" / "bin" / "python"
    (packages,) = (python.parents[1] / "lib").glob("python3.*/site-packages")
    own = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    seen = packages / "packages_of_the_tool.pth"  # another checkout, which may be gone, may have made it
    if not seen.is_file() or seen.read_text() != f"{own}\n":
        seen.write_text(f"{own}\n")
    return python


def _install(root: Path) -> None:
    run(sys.executable, "-m", "venv", root / "venv")
    python = root / "venv" / "bin" / "python"
    run(python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", f"ray[default]=={RAY}")


def environment() -> dict[str, str]:
    """Return the variables with which nodes and driver find this tool."""
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'validators'}", **PATIENT}


@dataclass
class Cluster:
    """A head with one core, and a second node with one core."""

    address: str
    head: subprocess.Popen[bytes]
    second: subprocess.Popen[bytes]

    def kill_second(self) -> None:
        """Kill the second node as a power failure does: what Ray runs there, at once, and not what the tool started."""
        for process in psutil.Process(self.second.pid).children(recursive=True):
            with suppress(psutil.Error):
                process.kill()
        self.second.kill()
        self.second.wait()


@contextmanager
def two_nodes() -> Iterator[Cluster]:
    """Start a cluster, and end it with all that it started."""
    address = f"127.0.0.1:{free_port()}"
    common = ("--num-cpus", "1", "--block", "--disable-usage-stats")
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as scratch:
        head = _node(
            *("--head", "--port", address.rpartition(":")[2], "--include-dashboard", "false"),
            *("--temp-dir", scratch, *common),
        )
        try:
            _wait(address, 1, head)
            second = _node("--address", address, *common)
            try:
                _wait(address, 2, second)
                yield Cluster(address, head, second)
            finally:
                _end(second)
        finally:
            _end(head)


def _node(*words: str) -> subprocess.Popen[bytes]:
    command = [str(ray_python().with_name("ray")), "start", *words]
    return subprocess.Popen(
        command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


ASK = """
import ray, sys
ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)
print(sum(node["Alive"] for node in ray.nodes()))
"""


def _wait(address: str, nodes: int, started: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + UP_SECONDS
    while time.monotonic() < deadline and started.poll() is None:
        asked = subprocess.run(
            [str(ray_python()), "-c", ASK, address], env=environment(), capture_output=True, text=True, check=False
        )
        if asked.returncode == 0 and int(asked.stdout.split()[-1]) >= nodes:
            return
        time.sleep(0.5)
    raise SetupError(f"{nodes} nodes of Ray were not up in {UP_SECONDS:.0f} s")


def _end(node: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(node.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        node.wait(15)
    for process in _of_session(node.pid):
        with suppress(psutil.Error):
            process.kill()
    node.wait()


def _of_session(session: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if os.getsid(process.pid) == session and process.pid != os.getpid():
                found.append(process)
    return found
