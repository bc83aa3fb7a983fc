"""The table of stages: each row is complete, and what reads the table takes a new row as it takes the others."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from scaffold.common.errors import CheckFailed
from scaffold_validators.engine import probe
from scaffold_validators.gates import run_stages
from scaffold_validators.openai_api import Client
from scaffold_validators.outcome import Conclusion, Outcome
from scaffold_validators.parity.settings import ParitySettings
from scaffold_validators.problem import Problem
from scaffold_validators.serve import Patience, ServePlan
from scaffold_validators.stages import conclude
from scaffold_validators.stages.stage import Answers, Ask, Asking, Counts, Gate, Stage
from scaffold_validators.stages.table import STAGES, default_gates, gates, position, stage_named, with_needs
from tests.fake_engine import REFERENCE, write_fake_engine
from tests.lab.ports import free_port
from tests.rows import each
from tests.sampled import costly, sampled
from tests.verdicts import check_sign_off, make_verdict


@each("stage", STAGES, ids=lambda stage: stage.name)
def test_a_row_is_complete(stage: Stage) -> None:
    assert stage_named(stage.name) is stage
    assert all((stage.title, stage.proves, stage.starts.what))
    assert stage.starts.weights in ("random", "real", "none")
    assert all(position(need) < position(stage.name) for need in stage.needs)
    assert all(stage_named(need).starts == stage.starts for need in stage.needs)


def test_stages_with_one_start_stand_side_by_side_to_share_it() -> None:
    runs = [start for start, _ in groupby(STAGES, key=lambda stage: stage.starts)]
    assert len(runs) == len(set(runs))


def test_what_a_stage_needs_comes_with_it_in_the_order_of_the_table() -> None:
    assert [stage.name for stage in with_needs(["parity"])] == ["real", "parity"]
    assert [stage.name for stage in with_needs(["parity", "dummy"])] == ["dummy", "real", "parity"]


def test_what_is_validated_is_each_stage_that_asks_or_starts_a_server() -> None:
    assert [stage.name for stage in gates()] == ["dummy", "real", "parity", "slice", "features", "capacity"]
    assert [stage.name for stage in default_gates()] == ["dummy", "real", "parity", "slice"]


def test_a_stage_that_nobody_knows_is_a_problem_that_says_which_there_are() -> None:
    known = ", ".join(stage.name for stage in STAGES)
    with pytest.raises(Problem, match=f"a stage 'dress rehearsal'; expected one of {known}"):
        stage_named("dress rehearsal")


def prepare_echo(gate: Gate) -> Ask:
    """The file of a made-up stage: the server has to say the name that it was asked for."""

    def ask(client: Client) -> Answers:
        listed = client.send("/v1/models", None)
        names = [entry["id"] for entry in listed.body["data"]]
        wrong = Conclusion(Outcome.WRONG_OUTPUT, f"it lists {names}")
        return Answers(numbers={"listed": names}, conclusion=None if "good" in names else wrong)

    return ask


ECHO = Stage(
    name="echo",
    title="E (echo)",
    starts=stage_named("real").starts,
    needs=("real",),
    proves="the server lists the name that it was given",
    counts=Counts.IF_RUN,
    asking=Asking(prepare_echo, conclude.judge),
)
WITH_ECHO = (*STAGES, ECHO)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A gate on the stand-in server."""
    engine = probe(write_fake_engine(tmp_path / "engine", tmp_path / "vllm" / "__init__.py"))
    plan = ServePlan(engine, tmp_path, "good", tmp_path, port=free_port(), grace_seconds=1)
    return Gate(plan, False, False, {}, tmp_path / "logs", lambda text: None, patience=Patience(300, 600))


@pytest.mark.parametrize(
    ("behaviour", "outcomes", "says"),
    sampled(
        [
            ("good", [("real", "passed"), ("echo", "passed")], "log clean"),
            ("stubborn", [("real", "passed"), ("echo", "wrong-output")], "it lists ['stubborn']"),
            ("loads-nothing", [("real", "startup-failed"), ("echo", "startup-failed")], "stage real has not passed"),
            ("dies-at-start", [("real", "startup-failed"), ("echo", "startup-failed")], "stage real has not passed"),
        ],
        every=2,
    ),
)
def test_a_new_row_shares_the_server_that_it_needs(
    gate: Gate, behaviour: str, outcomes: list[tuple[str, str]], says: str
) -> None:
    named = replace(gate, plan=replace(gate.plan, served_model_name=behaviour))
    verdicts = list(run_stages(named, with_needs(["echo"], WITH_ECHO)))
    assert [(verdict.stage, verdict.outcome.value) for verdict in verdicts] == outcomes
    assert says in verdicts[1].reason
    assert len({verdict.log for verdict in verdicts}) == 1
    assert len(list(gate.logs.iterdir())) == 1


def test_nothing_is_started_after_a_stage_that_has_not_passed(gate: Gate) -> None:
    failing = replace(gate, plan=replace(gate.plan, served_model_name="empty-answer"))
    verdicts = list(run_stages(failing, with_needs(["dummy", "real"]), (1, 2)))
    assert [verdict.stage for verdict in verdicts] == ["dummy"]


@costly
def test_a_start_for_every_size_is_made_at_each_and_another_at_the_first(gate: Gate) -> None:
    verdicts = list(run_stages(gate, with_needs(["dummy", "real"]), (1, 2)))
    assert [(v.stage, v.tensor_parallel_size) for v in verdicts] == [("dummy", 1), ("real", 1), ("real", 2)]


def test_a_new_row_counts_for_the_commit_as_it_says() -> None:
    verdicts = [make_verdict("real"), make_verdict("parity"), make_verdict("echo", "wrong-output")]
    check_sign_off(verdicts, {})
    with pytest.raises(CheckFailed, match="stage echo ended as failed"):
        check_sign_off(verdicts, {}, stages=WITH_ECHO)
    required = (*STAGES, replace(ECHO, counts=Counts.REQUIRED))
    with pytest.raises(CheckFailed, match="stage echo has not been run"):
        check_sign_off(verdicts[:2], {}, stages=required)


def with_reference(gate: Gate, folder: Path, code: str) -> Gate:
    """Return the gate with this code in place of the reference; it leaves a mark each time that it is run."""
    mark = f"open({str(folder / 'ran')!r}, 'a').write('x')\n"
    engine = probe(write_fake_engine(folder / "referred", folder / "vllm" / "__init__.py", mark + code))
    return replace(gate, plan=replace(gate.plan, engine=engine))


def test_stage_parity_passes_where_server_and_reference_agree(gate: Gate, tmp_path: Path) -> None:
    referred = with_reference(gate, tmp_path, REFERENCE)
    _, parity = run_stages(referred, with_needs(["parity"]))
    assert (parity.stage, parity.outcome.value) == ("parity", "passed"), parity.reason
    assert parity.numbers["dtype"] == "bfloat16"
    assert parity.numbers["positions"] >= 1000
    assert parity.numbers["greedy_tokens_agreeing"] == parity.numbers["greedy_tokens_counted"] > 0


def test_a_reference_that_says_something_else_is_wrong_output(gate: Gate, tmp_path: Path) -> None:
    referred = with_reference(gate, tmp_path, REFERENCE.replace("[-1.0]", "[-1.1]"))
    real, parity = run_stages(referred, with_needs(["parity"]))
    assert (real.outcome.value, parity.outcome.value) == ("passed", "wrong-output")
    assert (parity.cause, parity.signature) == (parity.reason, "differs-from-reference")
    assert "scaffold twin" in parity.next_step


def test_the_reference_runs_when_the_server_has_ended_and_no_verdict_of_it_waits(gate: Gate, tmp_path: Path) -> None:
    refused = f"import socket\nassert socket.socket().connect_ex(('127.0.0.1', {gate.plan.port})) != 0\n"
    verdicts = run_stages(with_reference(gate, tmp_path, refused + REFERENCE), with_needs(["parity"]))
    assert next(verdicts).stage == "real"
    assert not (tmp_path / "ran").exists()
    parity = next(verdicts)
    assert (parity.outcome.value, "afterwards" in parity.seconds) == ("passed", True), parity.reason


@costly
def test_without_a_reference_nothing_failed_and_it_is_not_tried_again(gate: Gate, tmp_path: Path) -> None:
    slow = replace(with_reference(gate, tmp_path, "import time\ntime.sleep(60)"), parity=ParitySettings(seconds=0.3))
    verdicts = list(run_stages(slow, with_needs(["parity"]), (1, 2)))
    assert [(v.stage, v.tensor_parallel_size, v.outcome.value) for v in verdicts] == [
        ("real", 1, "passed"),
        ("parity", 1, "no-reference"),
        ("real", 2, "passed"),
        ("parity", 2, "no-reference"),
    ]
    assert "was not done in" in verdicts[1].reason
    assert (verdicts[1].cause, verdicts[1].signature) == (verdicts[1].reason, "no-reference")
    assert (verdicts[1].passed, verdicts[1].failed, verdicts[1].outcome.word) == (False, False, "no-reference")
    assert (tmp_path / "ran").read_text() == "x"


def test_a_quantisation_that_transformers_does_not_undo_has_no_reference(gate: Gate, tmp_path: Path) -> None:
    quantised = replace(with_reference(gate, tmp_path, REFERENCE), parity=ParitySettings(quant_method="awq"))
    _, parity = run_stages(quantised, with_needs(["parity"]))
    assert parity.outcome.value == "no-reference"
    assert "transformers does not load awq weights dequantised" in parity.reason
    assert not (tmp_path / "ran").exists()
