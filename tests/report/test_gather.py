"""The report as a value, of a plan and verdicts that were really kept."""

from __future__ import annotations

from pathlib import Path

from scaffold.evidence.workspace import Workspace
from scaffold.report.gather import gather_report
from scaffold.report.value import Role, Shown
from scaffold_validators.results.feature import State
from tests.cli.conftest import Desk
from tests.lab.ports import free_port


def test_what_was_shown_is_in_it_and_what_was_not_run_is_said(desk: Desk, nova: Path, fake_engine: Path) -> None:
    made = desk.new_model(nova, "--name", "good", "--python", fake_engine)
    assert made.code == 0, made.stderr
    workspace = Workspace(desk.work)
    planned = gather_report(workspace, "good")
    assert (planned.runbook, planned.commit, planned.capacity, planned.static) == (None, None, None, None)
    assert [limit.kind for limit in planned.limits][:4] == ["no-real", "no-parity", "no-accuracy", "no-commit"]
    assert planned.account is not None
    assert planned.account_holds
    assert [answer.strategy for answer in planned.account.considered if answer.holds] == ["native"]
    assert {change.path: change.role for change in planned.changes if change.root == "vllm" and change.created} == {
        "vllm/model_executor/models/nova.py": Role.ADAPTER,
        "vllm/transformers_utils/configs/configuration_nova.py": Role.CONFIG_CLASS,
    }

    words = ("--work", desk.work, "--python", fake_engine, "--name", "good", "--port", str(free_port()))
    answer = desk.call("validate", nova, *words, "--stage", "dummy", "--stage", "real", "--json")
    assert answer.code == 0, answer.stderr
    report = gather_report(workspace, "good")
    real = report.run_of("real")
    assert real is not None
    assert real.verdict.passed
    assert report.runbook is not None
    assert (report.runbook.start.text, report.runbook.start.is_recorded) == (real.verdict.command, True)
    assert {row.subject: (row.dummy, row.real) for row in report.proofs} == {
        "architecture": (Shown.YES, Shown.YES),
        "operators": (Shown.YES, Shown.YES),
        "api": (Shown.YES, Shown.YES),
        "computation": (Shown.NOT_RUN, Shown.NOT_RUN),
        "weight-names": (Shown.CANNOT, Shown.YES),
        "dequantisation": (Shown.CANNOT, Shown.NOT_APPLICABLE),
        "shards": (Shown.CANNOT, Shown.NOT_RUN),  # at tensor-parallel 1 there are none
        "output": (Shown.CANNOT, Shown.YES),
        "stability": (Shown.CANNOT, Shown.YES),
    }
    assert {row.feature: row.state for row in report.features} == {
        "aclgraph": None,
        "expert-parallel": State.NOT_APPLICABLE,
        "flashcomm1": State.NOT_APPLICABLE,
        "mtp": State.NOT_APPLICABLE,
        "multimodal": State.NOT_APPLICABLE,
    }
