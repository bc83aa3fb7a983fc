"""The watching of a server: every way in which one can fail, on a small HTTP server that stands in for vLLM."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold_validators.engine import probe
from scaffold_validators.gates import run_stages
from scaffold_validators.outcome import Outcome
from scaffold_validators.problem import Problem
from scaffold_validators.processes import ProcessTree
from scaffold_validators.serve import Patience, ServePlan, Server
from scaffold_validators.shims.engine import ON_PATH
from scaffold_validators.stages.stage import Gate
from scaffold_validators.stages.table import with_needs
from scaffold_validators.verdict import Verdict
from tests.fake_engine import write_fake_engine
from tests.lab.ports import free_port
from tests.sampled import costly, sampled

OWN = "SCAFFOLD_TEST"
"""A variable in the environment of all processes of one test."""


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A gate whose server behaves as its model's name says."""
    engine = probe(write_fake_engine(tmp_path / "engine", tmp_path / "vllm" / "__init__.py"))
    own = {OWN: str(tmp_path)}
    plan = ServePlan(engine, tmp_path, "good", tmp_path, port=free_port(), load_format="auto", env=own, grace_seconds=1)
    patience = Patience(idle_seconds=300, total_seconds=600)  # of a busy machine: they cost nothing when all is well
    return Gate(plan, True, False, {"tree": "t"}, tmp_path / "logs", lambda text: None, patience)


def behaving(gate: Gate, behaviour: str) -> Gate:
    return replace(gate, plan=replace(gate.plan, served_model_name=behaviour))


def run_stage(gate: Gate, name: str) -> Verdict:
    """Run one stage at one size."""
    (verdict,) = run_stages(gate, with_needs([name]))
    return verdict


def processes_of(gate: Gate) -> list[str]:
    """Return the command lines of all processes that the test started, whatever group or session they are in."""
    found, mark = [], f"{OWN}={gate.plan.env[OWN]}\0".encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if state not in "ZX" and int(entry.name) != os.getpid():
                    found.append((entry / "cmdline").read_text())
        except (OSError, ValueError):
            continue
    return found


@pytest.mark.parametrize(
    ("behaviour", "outcome", "word", "says"),
    sampled(
        [
            ("good", "passed", "passed", "1 request answered, log clean"),
            ("dies-at-start", "startup-failed", "failed", "arch-unregistered"),
            ("lists-another", "environment", "failed", "it lists 'another', not 'lists-another'"),
            ("skips-weights", "startup-failed", "failed", "weights-skipped"),
            ("one-of-many-fails", "request-failed", "failed", "of 8 requests at once one was answered 400"),
            ("spawns", "passed", "passed", "log clean"),
            ("dies-on-request", "false-ready", "false-ready", "cpu-head-size"),
            ("engine-dies-on-request", "false-ready", "false-ready", "engine-dead"),
            ("refuses-request", "request-failed", "failed", "/v1/chat/completions answered 400"),
            ("empty-answer", "empty-output", "failed", "/v1/chat/completions answered 200"),
            ("errs-in-log", "request-failed", "failed", "a failure in the log"),
            ("loads-nothing", "startup-failed", "failed", "does not say that weights were loaded"),
            ("stubborn", "passed", "passed", "log clean"),
        ],
        every=3,
    ),
)
def test_verdict_of_stage_real(gate: Gate, behaviour: str, outcome: str, word: str, says: str) -> None:
    verdict = run_stage(behaving(gate, behaviour), "real")
    assert (verdict.stage, verdict.outcome.value, verdict.outcome.word) == ("real", outcome, word)
    assert says in verdict.reason
    assert verdict.digests == {"tree": "t"}
    assert processes_of(gate) == []


@pytest.mark.parametrize("behaviour", sampled(["engine-dies-on-request", "dies-at-start", "dies-on-request"]))
def test_what_a_dead_server_leaves_behind_gets_no_grace(gate: Gate, behaviour: str) -> None:
    patient = replace(gate, plan=replace(gate.plan, grace_seconds=300))
    verdict = run_stage(behaving(patient, f"stubborn+{behaviour}"), "real")
    assert verdict.seconds["ended after death"] < 200
    assert processes_of(gate) == []


def test_a_server_that_neither_speaks_nor_works_is_given_up(gate: Gate) -> None:
    impatient = replace(behaving(gate, "silent"), patience=Patience(idle_seconds=1.5, total_seconds=600))
    verdict = run_stage(impatient, "real")
    assert verdict.outcome.value == "timed-out"
    assert "neither log nor CPU time moved" in verdict.reason
    assert processes_of(gate) == []


@costly
def test_what_stood_in_for_a_kernel_is_on_record(gate: Gate) -> None:
    verdict = run_stage(behaving(gate, "shimmed"), "real")
    assert verdict.passed
    assert [row["name"] for row in verdict.numbers["shims"]] == ["cpu-router"]
    assert verdict.reason.endswith("knows no sigmoid scores, and passes over a correction bias")
    assert "shims" not in run_stage(gate, "real").numbers


def test_dummy_needs_no_loaded_weights(gate: Gate) -> None:
    verdict = run_stage(behaving(gate, "loads-nothing"), "dummy")
    assert (verdict.stage, verdict.outcome.value) == ("dummy", "passed")
    assert "--load-format dummy" in verdict.command


def test_a_second_run_leaves_the_log_of_the_first_as_it_was(gate: Gate) -> None:
    first = run_stage(behaving(gate, "dies-at-start"), "real")
    text = Path(first.log).read_text()
    second = run_stage(behaving(gate, "loads-nothing"), "real")
    assert (Path(first.log).name, Path(second.log).name) == ("real-tp1.log", "real-tp1-2.log")
    assert Path(first.log).read_text() == text


def test_secrets_reach_neither_log_nor_verdict(gate: Gate) -> None:
    extra = ("--api-key", "sk-abcdefghijklmnop")
    chatty = behaving(gate, "chatty")
    verdict = run_stage(replace(chatty, plan=replace(chatty.plan, extra=extra)), "real")
    kept = Path(verdict.log).read_text() + verdict.to_json()
    assert "abcdefghijklmnop" not in kept
    assert "<redacted>" in kept


def test_a_port_in_use_is_a_problem_and_starts_nothing(gate: Gate) -> None:
    with Server(gate.plan, gate.logs / "first.log") as server:
        client_ready = server.wait_ready(lambda: "startup complete" in server.text(), gate.patience)
        assert client_ready is None
        with pytest.raises(Problem, match="a port in use") as problem:
            run_stage(gate, "real")
        assert problem.value.exit_code == 2


INTERRUPTED = """
import signal
import sys
from pathlib import Path
from scaffold_validators.engine import probe
from scaffold_validators.processes import ProcessTree
from scaffold_validators.serve import Patience, ServePlan, Server
settings = {"port": int(sys.argv[2]), "env": {sys.argv[4]: sys.argv[5]}, "grace_seconds": 1}
plan = ServePlan(probe(Path(sys.argv[1])), Path("/"), "stubborn", Path("/"), **settings)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs in the background
with Server(plan, Path(sys.argv[3])) as server:
    server.wait_ready(lambda: "startup complete" in server.text())
    print("up", flush=True)
    server.wait_ready(lambda: False)
"""


def test_ctrl_c_ends_all_that_was_started(gate: Gate, tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-c",
        INTERRUPTED,
        str(gate.plan.engine.python),
        str(gate.plan.port),
        str(tmp_path / "log"),
        OWN,
        gate.plan.env[OWN],
    ]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    assert len(processes_of(gate)) == 2
    process.send_signal(signal.SIGINT)
    process.wait(timeout=300)
    process.stdout.close()
    deadline = time.monotonic() + 300
    while processes_of(gate) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(gate) == []


def test_the_command_of_a_plan_is_what_a_person_would_type(gate: Gate) -> None:
    plan = replace(
        gate.plan, env={}, model=Path("/models/a b"), dtype="float32", max_model_len=512, enforce_eager=True, port=8000
    )
    assert plan.shell() == (
        f"VLLM_NO_USAGE_STATS=1 PYTHONFAULTHANDLER=1 VLLM_CPU_KVCACHE_SPACE=1 VLLM_CPU_OMP_THREADS_BIND=nobind "
        f"PYTHONPATH={ON_PATH} "
        "vllm serve '/models/a b' --served-model-name good --host 127.0.0.1 --port 8000 --dtype float32 "
        "--max-model-len 512 --max-num-seqs 16 --tensor-parallel-size 1 --load-format auto --enforce-eager"
    )


def test_an_engine_that_is_seen_dead_a_moment_after_an_answer_of_500_is_the_cause(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scaffold_validators.watching.workers.SEEK_SECONDS", 0.0)
    monkeypatch.setattr("scaffold_validators.stages.visit.LAST_MOMENT_SECONDS", 300.0)  # on a busy machine: it is seen
    verdict = run_stage(behaving(gate, "spawns+engine-dies-on-request"), "real")
    assert verdict.outcome is Outcome.FALSE_READY
    assert re.match(r"VLLM::EngineCore \(pid \d+\) died", verdict.cause)


def test_a_server_that_is_seen_dead_a_moment_after_its_connection_broke_is_false_ready(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_look = ProcessTree.alive
    looks = []

    def slow_to_tell(tree: ProcessTree) -> bool:
        alive = first_look(tree)
        looks.extend([] if alive else [True])
        return alive or len(looks) < 4  # the kernel tells a few looks late

    monkeypatch.setattr(ProcessTree, "alive", slow_to_tell)
    verdict = run_stage(behaving(gate, "dies-on-request"), "real")
    assert (verdict.outcome.value, "cpu-head-size" in verdict.reason) == ("false-ready", True)
