"""``scaffold report --html``: the page of a plan that was really made."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from scaffold.checkpoint.read import read_checkpoint
from scaffold.evidence.workspace import Workspace
from scaffold.report.page.folding import Folded, unfolded
from scaffold.report.page.of_plan import OTHER_RULES, weights_of_plan
from tests.cli.conftest import Desk
from tests.sampled import costly


def data_of(page: str) -> dict[str, Any]:
    """Return the weight map in a page."""
    (text,) = re.findall(r'<script type="application/json" id="weights-data">(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


def names_of(data: dict[str, Any]) -> dict[str, int]:
    nodes = tuple(
        tuple((label if isinstance(label, str) else tuple(map(tuple, label)), below) for label, below in node)
        for node in data["nodes"]
    )
    return dict(unfolded(Folded(nodes, data["root"])))


@costly
def test_the_page_has_the_plan_s_rules_each_tensor_and_the_adapter(desk: Desk, nova: Path) -> None:
    assert desk.new_model(nova, "--name", "good").code == 0
    answer = desk.call("report", nova, "--name", "good", "--work", desk.work, "--html", "--lang", "en", "--json")
    assert answer.code == 0, answer.stderr
    page = Path(answer.document["page"])
    assert page == desk.work / ".scaffold" / "good" / "report.html"
    text, report = page.read_text(encoding="utf-8"), answer.document["report"]
    data = data_of(text)
    planned = report["account"]["rules"]
    assert [(rule["source"], rule["target"]) for rule in data["rules"]] == [(r["source"], r["target"]) for r in planned]
    assert len(names_of(data)) == report["account"]["tensors"] > 10
    assert all(data["kinds"][kind][0] >= 0 for kind in names_of(data).values())
    assert data["findings"] == []
    assert "+class NovaForCausalLM(" in text
    assert '<html lang="en">' in text
    assert "no gate was run yet" in text


@costly
def test_rules_of_another_state_and_what_cannot_be_told_are_not_shown(desk: Desk, nova: Path) -> None:
    assert desk.new_model(nova, "--name", "good").code == 0
    workspace = Workspace(desk.work)
    record, account = workspace.record("good"), workspace.account("good")
    assert account is not None
    assert weights_of_plan(record, account).why_no_rules == ""
    other = replace(account, rules=account.rules[1:])
    assert weights_of_plan(record, other).why_no_rules == OTHER_RULES
    follows = weights_of_plan(record, replace(account, rules=()))
    assert (follows.why_no_rules, follows.is_of_plan) == ("", False)
    for source in nova.glob("*.py"):
        source.unlink()
    answer = desk.call("report", nova, "--name", "good", "--work", desk.work, "--html", "--output", desk.root / "out")
    assert answer.code == 0, answer.stderr
    assert "the page has tensors without rules: the spec has holes" in answer.stdout
    text = (desk.root / "out" / "report.html").read_text(encoding="utf-8")
    assert "the spec has holes" in text
    data = data_of(text)
    assert (data["known"], data["rules"], data["findings"]) == (False, [], [])
    assert names_of(data).keys() == read_checkpoint(nova).tensors.keys()


def test_a_page_beside_a_comment_is_refused_before_anything_is_written(desk: Desk, nova: Path) -> None:
    answer = desk.call("report", nova, "--work", desk.work, "--html", "--comment")
    assert answer.code == 2
    assert "--html together with --comment" in answer.stderr
    assert list(desk.work.iterdir()) == []
