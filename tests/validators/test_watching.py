"""What is watched of a server: workers that die, requests that hang, logs that cannot be kept, what is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from scaffold_validators.engine import probe
from scaffold_validators.gates import run_stages
from scaffold_validators.outcome import Conclusion, Outcome
from scaffold_validators.processes import ProcessTree
from scaffold_validators.serve import Patience, ServePlan, Server
from scaffold_validators.stages.conclude import with_log_failure
from scaffold_validators.stages.stage import Gate
from scaffold_validators.stages.table import with_needs
from scaffold_validators.verdict import Verdict
from scaffold_validators.watching.family import Family, stands_still
from scaffold_validators.watching.guardian import PACKAGES
from scaffold_validators.watching.log import ServerLog
from scaffold_validators.watching.proc import read_bytes
from scaffold_validators.watching.progress import bar, meaningful, milestone
from scaffold_validators.watching.workers import needed, title_of
from tests.fake_engine import write_fake_engine
from tests.lab.ports import free_port
from tests.sampled import costly, sampled

SHARED = Path("/dev/shm")
PATIENT = Patience(300, 600, 300)
READER = """
import mmap, sys, tempfile, time
files = [open(path, "r+b") for path in sys.argv[1:]]
files.append(tempfile.NamedTemporaryFile(dir="/dev/shm", delete=False))
files[-1].write(b"0" * 4096)
files[-1].flush()
mapped = [mmap.mmap(file.fileno(), 4096) for file in files]
print(files[-1].name.rpartition("/")[2], flush=True)
time.sleep(600)
"""
"""Maps the files that are named, and a segment of its own, which it names."""


@pytest.fixture
def plan(tmp_path: Path) -> ServePlan:
    """A server that spawns like vLLM."""
    engine = probe(write_fake_engine(tmp_path / "engine", tmp_path / "vllm" / "__init__.py"))
    env = {"SCAFFOLD_TEST": str(tmp_path)}
    return ServePlan(engine, tmp_path, "spawns", tmp_path, port=free_port(), env=env, grace_seconds=1)


def gate_of(plan: ServePlan, behaviour: str, patience: Patience = PATIENT) -> Gate:
    named = replace(plan, served_model_name=behaviour)
    return Gate(named, True, False, {}, plan.cwd / "logs", lambda text: None, patience=patience)


def run(gate: Gate, name: str = "real") -> Verdict:
    return next(iter(run_stages(gate, with_needs([name]))))


def ours(plan: ServePlan) -> list[psutil.Process]:
    """Return the processes of one test's server, in whatever session."""
    mark = f"SCAFFOLD_TEST={plan.env['SCAFFOLD_TEST']}\0".encode()
    found = []
    for process in psutil.process_iter():
        try:
            if mark in Path(f"/proc/{process.pid}/environ").read_bytes() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (OSError, psutil.Error):
            continue
    return found


def until(condition: object, seconds: float = 300) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def segments(pid: int) -> list[Path]:
    return list(SHARED.glob(f"psm_fake_{pid}_*"))


@pytest.fixture(autouse=True)
def _no_segment_is_left() -> Iterator[None]:
    before = set(SHARED.glob("psm_fake_*"))
    yield
    until(lambda: set(SHARED.glob("psm_fake_*")) <= before)


def test_a_worker_that_is_killed_is_noticed_while_vllm_waits_for_it(plan: ServePlan) -> None:
    verdict = run(gate_of(plan, "worker-dies"))
    assert verdict.outcome is Outcome.STARTUP_FAILED
    assert verdict.cause.startswith("VLLM::Worker_TP0 (pid ")
    assert "VLLM::Worker_TP0" in verdict.reason
    assert verdict.signature in ("killed", "unknown")
    assert verdict.seconds["ready"] < 300  # it would wait for 600
    assert ours(plan) == []


@costly
def test_a_worker_that_dies_on_a_request_is_false_ready(plan: ServePlan) -> None:
    verdict = run(gate_of(plan, "worker-dies-on-request"))
    assert verdict.outcome is Outcome.FALSE_READY
    assert "the server was ready, and then VLLM::Worker_TP0 (pid " in verdict.reason
    assert ours(plan) == []


def test_a_request_that_hangs_is_timed_out_at_its_limit_with_what_the_processes_did(plan: ServePlan) -> None:
    verdict = run(gate_of(plan, "spawns+hangs-on-request", Patience(300, 600, 1)))
    assert (verdict.outcome, verdict.signature) == (Outcome.TIMED_OUT, "hangs")
    titles = {process.title.split(" ")[0] for process in verdict.processes}
    assert {"VLLM::EngineCore", "VLLM::Worker_TP0", "VLLM::Worker_TP1"} <= titles
    assert "VLLM::EngineCore" in verdict.cause
    assert ours(plan) == []


def test_a_stopped_engine_is_named_as_stopped(plan: ServePlan) -> None:
    with Server(plan, plan.cwd / "log") as server:
        until(lambda: len(segments(server.tree.process.pid)) == 2)
        (engine,) = [process for process in server.tree.members() if process.cmdline()[0] == "VLLM::EngineCore"]
        engine.suspend()
        until(lambda: engine.status() == psutil.STATUS_STOPPED)
        server.give_up()
    states = {state.title.split(" ")[0]: state.state for state in server.states}
    assert states["VLLM::EngineCore"] == "stopped"
    assert ours(plan) == []


def test_no_segment_of_shared_memory_is_left(plan: ServePlan) -> None:
    with Server(plan, plan.cwd / "log") as server:
        pid = server.tree.process.pid
        until(lambda: len(segments(pid)) == 2)
    assert segments(pid) == []


MAKES = """
import os, time
kept = [os.open(f"/dev/shm/psm_fake_{os.getpid()}_{n}", os.O_CREAT | os.O_RDWR) for n in range(900)]
time.sleep(600)
"""


def test_a_process_that_is_ended_while_it_makes_segments_leaves_none(tmp_path: Path) -> None:
    for after in (0, 40):
        with ProcessTree([sys.executable, "-c", MAKES], tmp_path, {}, subprocess.DEVNULL) as tree:
            pid = tree.process.pid
            until(lambda pid=pid, after=after: len(segments(pid)) > after)
            assert not stands_still(tree.process)
        assert segments(pid) == []


def test_what_a_server_reads_in_shared_memory_stays() -> None:
    """A checkpoint that is kept in memory, in a folder of its own or not, is no segment of the server's."""
    with TemporaryDirectory(dir=SHARED) as folder, ExitStack() as stack:
        weights = [Path(folder) / "model.safetensors", SHARED / f"{Path(folder).name}.safetensors"]
        stack.callback(weights[1].unlink, missing_ok=True)
        for path in weights:  # closed again: what a process has open is left alone for that
            path.write_bytes(b"0" * 4096)
        family = Family("none")
        with subprocess.Popen([sys.executable, "-c", READER, *map(str, weights)], stdout=subprocess.PIPE) as reader:
            family._known.add(psutil.Process(reader.pid))
            assert reader.stdout
            segment = SHARED / reader.stdout.readline().decode().strip()
            assert segment.exists()
            assert family.end() == []
        assert all(path.exists() for path in weights)
        assert not segment.exists()


READING_TOOL = """
import os, signal, sys
from pathlib import Path
from scaffold_validators.processes import ProcessTree
read, write = os.pipe()
tree = ProcessTree([sys.executable, "-c", *sys.argv[1:]], Path("/"), {}, write)
print(os.fdopen(read).readline().strip(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
"""Starts what maps files, says which segment that has made, and is killed."""


def test_what_a_server_reads_in_shared_memory_stays_when_the_tool_is_killed(tmp_path: Path) -> None:
    weights = SHARED / f"{tmp_path.name}-{os.getpid()}.safetensors"
    weights.write_bytes(b"0" * 4096)
    try:
        words = [sys.executable, "-c", READING_TOOL, READER, str(weights)]
        tool = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(PACKAGES)})
        assert tool.returncode == -signal.SIGKILL, tool.stderr
        segment = SHARED / tool.stdout.strip()
        until(lambda: not segment.exists())
        assert weights.exists()
    finally:
        weights.unlink(missing_ok=True)


def test_where_the_disk_is_full_the_gate_goes_on_and_what_passed_has_no_evidence(plan: ServePlan) -> None:
    with Server(replace(plan, served_model_name="good"), Path("/dev/full")) as server:
        assert server.wait_ready(lambda: "startup complete" in server.text()) is None
    assert "No space left on device" in str(server.log_failure)
    found = with_log_failure(Conclusion(Outcome.PASSED, "2 requests answered"), server.log_failure)
    assert found.outcome is Outcome.ENVIRONMENT
    assert "until then: 2 requests answered" in found.reason
    failed = with_log_failure(Conclusion(Outcome.FALSE_READY, "it died"), server.log_failure)
    assert failed.outcome is Outcome.FALSE_READY


@pytest.fixture
def _waits_for_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for what was written as long as it takes: two seconds are not always enough on a busy machine."""
    monkeypatch.setattr("scaffold_validators.watching.log.LAST_SECONDS", 300.0)


@pytest.mark.usefixtures("_waits_for_the_log")
def test_a_log_is_cut_into_lines_where_bars_are_written_over_too(tmp_path: Path) -> None:
    heard: list[str] = []
    log = ServerLog(tmp_path / "serve.log", heard.append)
    os.write(log.writer, b"one\rtw")
    os.write(log.writer, b"o\r")
    while not log.lines:
        time.sleep(0.01)
    os.write(log.writer, b"\nthe key is hf_abcdefghijklmnop\r\nlast\r")
    log.started()
    log.close()
    assert heard == ["one", "two", "the key is <redacted>", "last"]
    assert (tmp_path / "serve.log").read_text() == "one\ntwo\nthe key is <redacted>\nlast\n"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Loading safetensors checkpoint shards:  50% Completed | 1/2 [00:00<00:00,  2.1it/s]",
         ("Loading safetensors checkpoint shards", 1, 2)),
        ("(EngineCore pid=9) Capturing CUDA graphs (decode, FULL):  45%|████▌     | 5/11 [00:03<00:03]",
         ("(EngineCore pid=9) Capturing CUDA graphs (decode, FULL)", 5, 11)),
        ("INFO 11-27 06:14:30 [core.py:133] model='/models/50%/1/2', seed=0", None),
    ],
)  # fmt: skip
def test_bars_are_read_from_the_log(line: str, shown: tuple[str, int, int] | None) -> None:
    found = bar(line)
    assert (found and (found.what, found.done, found.total)) == shown


def test_what_a_line_says_is_told_without_its_prefix_and_decoration_says_nothing() -> None:
    assert meaningful("(EngineCore pid=1) INFO 11-27 06:14:09 [model.py:733] Resolved it") == "Resolved it"
    assert meaningful("(APIServer pid=1) INFO 11-27 06:14:09 [api_utils.py:347]   █▄█▀ █") == ""
    assert meaningful("Loading shards:  50%|█████     | 1/2 [00:00<00:00]") == ""
    assert milestone("INFO Loading weights took 3.1 seconds") is not None
    assert milestone("INFO nothing") is None


TOOL = """
import sys, time
from pathlib import Path
from scaffold_validators.engine import probe
from scaffold_validators.serve import ServePlan, Server
import signal
def interrupt(number, frame):
    raise KeyboardInterrupt
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, interrupt)
python, port, folder, mark = sys.argv[1:]
plan = ServePlan(probe(Path(python)), Path("/"), "spawns", Path("/"), port=int(port), env={"SCAFFOLD_TEST": mark},
                 grace_seconds=1)
print("starts", flush=True)
with Server(plan, Path(folder) / "log") as server:
    print(server.tree.process.pid, flush=True)
    server.wait_ready(lambda: False)
"""


@pytest.mark.parametrize(
    "number",
    sampled([signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP]),
    ids=lambda number: number.name,
)
def test_however_the_tool_ends_nothing_is_left(plan: ServePlan, number: signal.Signals) -> None:
    (plan.cwd / "tmp").mkdir()
    words = [str(plan.engine.python), str(plan.port), str(plan.cwd), plan.env["SCAFFOLD_TEST"]]
    tool = subprocess.Popen(
        [sys.executable, "-c", TOOL, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGES), "TMPDIR": str(plan.cwd / "tmp")},
    )
    assert tool.stdout is not None
    assert tool.stdout.readline() == "starts\n"
    pid = int(tool.stdout.readline())
    until(lambda: len(segments(pid)) == 2)
    assert len(ours(plan)) >= 4
    tool.send_signal(number)
    tool.wait(timeout=300)
    tool.stdout.close()
    until(lambda: ours(plan) == [])
    until(lambda: segments(pid) == [])
    until(lambda: list((plan.cwd / "tmp").iterdir()) == [])


FORKS = """
import os, time
if os.fork():
    print(flush=True)
time.sleep(60)
"""


def test_what_a_worker_forks_is_no_worker_before_it_is_something_else() -> None:
    title = "VLLM::Worker_TP1"
    worker = subprocess.Popen([title, "-c", FORKS], executable=sys.executable, stdout=subprocess.PIPE)
    try:
        assert worker.stdout is not None
        worker.stdout.readline()
        (forked,) = psutil.Process(worker.pid).children()
        assert title_of(forked) == title
        assert (needed(psutil.Process(worker.pid)), needed(forked)) == (title, "")
    finally:
        for process in (*psutil.Process(worker.pid).children(), worker):
            process.kill()
        worker.communicate()


@pytest.mark.usefixtures("_waits_for_the_log")
def test_the_text_of_a_log_has_all_that_was_written_before_it_was_asked_for(tmp_path: Path) -> None:
    log = ServerLog(tmp_path / "serve.log", lambda line: time.sleep(0.002))
    for number in range(50):
        os.write(log.writer, b"line %d\n" % number)
    assert log.text().splitlines()[-1] == "line 49"
    log.started()
    log.close()


def test_files_of_proc_are_read_to_their_end() -> None:
    assert read_bytes("/proc/self/environ") == Path("/proc/self/environ").read_bytes()
    maps = read_bytes("/proc/self/maps").splitlines()  # longer than what the kernel gives at once
    assert maps[-1].endswith(b"[vsyscall]") or len(maps) > 100
    with pytest.raises(FileNotFoundError):
        read_bytes("/proc/self/none")
