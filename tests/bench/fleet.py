"""``make bench-fleet``: the gates of four models on a Ray cluster of two nodes, one of which is killed in the middle.

Servers are stand-ins that spawn like vLLM: what is measured is the fleet. Each row has to end as it does on one
machine, the killed node's rows with one try more; evidence and logs are looked at, and what is left of processes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from scaffold.evidence.workspace import Workspace
from tests.fake_engine import write_fake_engine
from tests.lab.ray_cluster import Cluster, environment, ray_python, two_nodes
from tests.lab.trees import ascend_source
from tests.lab.workplace import Workplace
from tests.models.build import write_checkpoint

ENDS = {"spawns": "passed", "stubborn": "passed", "empty-answer": "empty-output", "dies-on-request": "false-ready"}
"""What a model is called tells the stand-in how to behave → how its stage dummy ends."""
TOOL = ("-c", "from scaffold.cli import main; main()")
LIMIT_SECONDS = 600.0


@dataclass(frozen=True)
class Measured:
    """What came of it: rows of the fleet's document, seconds, what was left, whether each row's evidence holds."""

    rows: tuple[dict[str, Any], ...]
    seconds: float
    left: tuple[str, ...]
    kept: dict[str, str]


def measure(place: Workplace, kill: bool) -> Measured:
    """Run four planned models on a cluster; kill a node when both have one, if asked to."""
    file = place.root / "fleet.yaml"
    file.write_text(yaml.safe_dump(_list_of(place)))
    with two_nodes() as cluster:
        started = time.monotonic()
        command = [str(ray_python()), *TOOL, "fleet", str(file), "--work", str(place.work), "--json"]
        driver = subprocess.Popen(
            [*command, "--on", f"ray:{cluster.address}"],
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if kill:
            _kill_in_the_middle(place, cluster, driver)
        said, errors = driver.communicate(timeout=LIMIT_SECONDS)
        seconds = time.monotonic() - started
    try:
        rows = tuple(json.loads(said)["fleet"])
    except (ValueError, KeyError) as error:
        raise AssertionError(f"the fleet said {said[-500:]!r}, {errors[-1500:]}") from error
    return Measured(rows, seconds, _left(place), {name: _kept(place.work / name, name) for name in ENDS})


def planned(root: Path) -> Workplace:
    """Make trees with four planned models, each in a work directory of its own."""
    place = Workplace(root.resolve())
    python = write_fake_engine(place.root / "venv", place.vllm / "vllm" / "__init__.py")
    assert python == place.python
    _trees(place)
    for name in ENDS:
        (place.work / name).mkdir(parents=True)
        checkpoint = write_checkpoint(place.root / "models" / name)
        words = ["--vllm", place.vllm, "--delivery", place.ascend, "--work", place.work / name, "--python", python]
        command = [sys.executable, *TOOL, "new-model", checkpoint, "--name", name, "--quiet", *words]
        subprocess.run([str(word) for word in command], env=environment(), check=True)
    return place


def _trees(place: Workplace) -> None:
    """Make a vLLM tree of links but for what is edited, and a delivery that has no code of vllm-ascend."""
    from tests.lab.commands import git_commit_all, run
    from tests.lab.engine import engine, vllm_working_copy

    vllm_working_copy(engine(), place.vllm)
    for part in ("docs/source/tutorials/models/index.md", "tests/e2e/models/configs/accuracy.txt"):
        target = place.ascend / part
        target.parent.mkdir(parents=True)
        target.write_bytes((ascend_source() / part).read_bytes())
    git_commit_all(place.ascend, "vllm-ascend")
    run("git", "config", "user.name", "Demo Engineer", cwd=place.ascend)


def _list_of(place: Workplace) -> dict[str, Any]:
    shared = {"stage": "dummy", "options": ["--python", str(place.python), "--no-ladder", "--dtype", "float32"]}
    rows = [{"checkpoint": str(place.root / "models" / name), "name": name, "work": name} for name in ENDS]
    return {"all": shared, "models": rows}


def _kill_in_the_middle(place: Workplace, cluster: Cluster, driver: subprocess.Popen[str]) -> None:
    """Wait until the second node's row has a server, then kill that node."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while driver.poll() is None and time.monotonic() < deadline:
        if any("validate" in words for words in _commands_below(cluster.second.pid)):
            time.sleep(1.0)
            cluster.kill_second()
            return
        time.sleep(0.1)
    raise AssertionError("the second node never ran anything")


def _commands_below(pid: int) -> list[list[str]]:
    found = []
    with suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.Error):
                found.append(process.cmdline())
    return found


def _kept(work: Path, name: str) -> str:
    """Return the outcome that the work directory's evidence has; reading it checks records, chain and log."""
    (verdict,) = Workspace(work).verdicts(name)
    return verdict.outcome.value


def _left(place: Workplace) -> tuple[str, ...]:
    """Return what still runs from the stand-in's environment or for these models."""
    time.sleep(3.0)
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        if str(place.root) in words:
            found.append(words[:120])
    return tuple(found)


def main() -> int:
    """Print the tables: undisturbed, then with a node that is killed."""
    failed = 0
    print("| cluster | row | ended as | kept as | tries | seconds, all rows | left |")
    print("| --- | --- | --- | --- | ---: | ---: | ---: |")
    for kill in (False, True):
        with tempfile.TemporaryDirectory() as path:
            measured = measure(planned(Path(path) / "place"), kill)
        what = "a node killed in the middle" if kill else "undisturbed"
        for row in measured.rows:
            (verdict,) = row["said"].get("verdicts") or [{"kind": "none"}]
            name, kind = row["model"], verdict["kind"]
            cells = (what, name, kind, measured.kept[name], row["tries"], f"{measured.seconds:.0f}", len(measured.left))
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)
            failed += (kind, measured.kept[name]) != (ENDS[name], ENDS[name])
        failed += len(measured.left) + (len(measured.rows) != len(ENDS))
        failed += kill and max(row["tries"] for row in measured.rows) != 2
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
