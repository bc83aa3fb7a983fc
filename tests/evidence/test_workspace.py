"""What a work directory remembers: typed, never written twice, and one clear error where it was tampered with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from scaffold.common.errors import UsageError
from scaffold.evidence.account import ACCOUNT
from scaffold.evidence.plan_record import PLAN as PLAN_KIND
from scaffold.evidence.plan_record import PlanRecord
from scaffold.evidence.workspace import Workspace
from scaffold_validators.problem import Problem
from scaffold_validators.records import Kind, dump
from scaffold_validators.verdict import VERDICT
from tests.report.samples import full
from tests.verdicts import make_verdict

PLAN = PlanRecord(
    "nova", "NovaForCausalLM", "native", {"kind": "dense"}, "/c", "/v", "/d", ("a.py",), ("b.md", "c.yaml")
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A work directory in which one model is planned."""
    made = Workspace(tmp_path)
    made.save_record(PLAN)
    return made


def test_a_plan_comes_back_as_it_was(workspace: Workspace) -> None:
    assert workspace.record("nova") == PLAN
    assert workspace.planned() == ["nova"]
    with pytest.raises(UsageError, match="no run for 'other'"):
        workspace.record("other")


def test_the_newest_verdict_of_each_stage_counts_and_no_record_is_lost(workspace: Workspace) -> None:
    kept = [
        make_verdict("parity"),
        make_verdict("real", "request-failed"),
        make_verdict("real", tensor_parallel_size=2),
        make_verdict("real", reason="mended"),
        make_verdict("dummy"),
    ]
    paths = [workspace.save_verdict("nova", verdict) for verdict in kept]
    assert [path.name for path in paths][:2] == ["0001-parity-tp1.json", "0002-real-tp1.json"]
    assert len(list(paths[0].parent.iterdir())) == len(kept)
    found = tuple(replace(verdict, previous="") for verdict in workspace.verdicts("nova"))
    assert found == (kept[4], kept[3], kept[2], kept[0])


def test_a_secret_in_a_verdict_is_not_kept(workspace: Workspace) -> None:
    command = 'vllm serve --api-key "sk-abcdefghijklmnop"'
    numbers = {"api_key": "abcdefghijklmnop", "said": ['password="hunter22"']}
    path = workspace.save_verdict("nova", make_verdict("real", command=command, numbers=numbers))
    text = path.read_text()
    assert "abcdefghijklmnop" not in text
    assert "hunter22" not in text
    (verdict,) = workspace.verdicts("nova")
    assert verdict.numbers["api_key"] == "<redacted>"


def test_a_verdict_that_was_changed_is_refused_with_its_file(workspace: Workspace) -> None:
    path = workspace.save_verdict("nova", make_verdict("real", "wrong-output"))
    path.write_text(path.read_text().replace("wrong-output", "passed"))
    with pytest.raises(Problem) as problem:
        workspace.verdicts("nova")
    assert problem.value.where == f"{path}, field sha256"


def test_a_verdict_of_a_stage_that_nobody_knows_is_refused_with_its_file(workspace: Workspace) -> None:
    path = workspace.save_verdict("nova", make_verdict("real"))
    path.write_text(dump(VERDICT, make_verdict("rehearsal")))
    with pytest.raises(Problem) as problem:
        workspace.verdicts("nova")
    assert problem.value.where == f"{path}, field content.stage"


def test_a_plan_that_is_cut_off_is_refused_with_its_file(workspace: Workspace) -> None:
    path = workspace.folder / "nova" / "plan.json"
    path.write_text(path.read_text()[:100])
    with pytest.raises(Problem, match="broken JSON") as problem:
        workspace.record("nova")
    assert problem.value.where == str(path)
    assert "new-model" in problem.value.remedy


def test_what_a_plan_found_out_is_kept_until_the_plan_is_taken_back(workspace: Workspace) -> None:
    assert workspace.account("nova") is None
    account = full().account
    assert account is not None
    workspace.save_account("nova", account)
    assert workspace.account("nova") == account
    path = workspace.folder / "nova" / "account.json"
    path.write_text(path.read_text().replace('"native"', '"naive"'))
    with pytest.raises(Problem, match="digest") as problem:
        workspace.account("nova")
    assert "new-model" in problem.value.remedy
    workspace.forget("nova")
    assert workspace.account("nova") is None


def test_the_history_has_what_the_newest_verdicts_have_not(workspace: Workspace) -> None:
    for outcome in ("false-ready", "passed"):
        workspace.save_verdict("nova", make_verdict("real", outcome, log=""))
    assert [verdict.outcome.value for verdict in workspace.history("nova")] == ["false-ready", "passed"]
    assert [verdict.outcome.value for verdict in workspace.verdicts("nova")] == ["passed"]


def shape(type_: Any) -> Any:
    """Return the fields of a record's type, and of those in them, with their types."""
    if not is_dataclass(type_):
        inner = [shape(part) for part in get_args(type_) if part is not Ellipsis]
        return [getattr(type_, "__name__", str(type_)).replace("typing.", ""), *inner]
    hints = get_type_hints(type_)
    return {field.name: shape(hints[field.name]) for field in fields(type_)}


SHAPES = {("account", 1): "10b462be682b6464", ("plan", 6): "77bc3768182fd3c4", ("verdict", 3): "127d2f54bacaf983"}
"""Kind and version of a record → the digest of its fields."""


@pytest.mark.parametrize("kind", [PLAN_KIND, VERDICT, ACCOUNT], ids=lambda kind: kind.name)
def test_other_fields_are_another_version(kind: Kind[Any]) -> None:
    """An older tool must not read what it does not know: who changes a field raises the version, and this table."""
    found = hashlib.sha256(json.dumps(shape(kind.type), sort_keys=True).encode()).hexdigest()[:16]
    assert SHAPES.get((kind.name, kind.version)) == found
