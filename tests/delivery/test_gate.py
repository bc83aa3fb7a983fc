"""The quality gate: each point, made to fail, is missing and names itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from scaffold.common.errors import CheckFailed, UsageError
from scaffold.delivery.accuracy import read_results
from scaffold.delivery.excuses import Excuses
from scaffold.delivery.gate.case import Case
from scaffold.delivery.gate.document_points import config_problem, sections
from scaffold.delivery.gate.point import GateRefused, Row, State, check_rows, used
from scaffold.delivery.gate.table import POINTS, REASONABLE, check_reasons, look
from scaffold.delivery.measured import accuracy_rows
from scaffold_validators.openai_api import Exchange, image_request, text_request
from scaffold_validators.results.capacity import CapacityResult, LoadTried
from scaffold_validators.results.feature import FeatureResult
from scaffold_validators.results.feature import State as FeatureState
from scaffold_validators.verdict import Verdict
from tests.cli.calls import check_call
from tests.delivery.results import write_results
from tests.rows import each
from tests.verdicts import make_verdict

NOW = {"tree": "t1", "checkpoint": "c1"}
CONFIG = PurePosixPath("tests/e2e/models/configs/nova.yaml")
TUTORIAL = PurePosixPath("docs/source/tutorials/models/nova.md")
INDEX = PurePosixPath("docs/source/tutorials/models/index.md")
TEXT = Exchange(*text_request("nova", False), 200, {"choices": [{"text": "hello"}]}, 0.1)
PICTURE = Exchange(*image_request("nova"), 200, {"choices": [{"message": {"content": "red"}}]}, 0.1)
SERVE = "HCCL_OP_EXPANSION_MODE=AIV vllm serve /models/nova --served-model-name nova --port 8000"
FEATURES = (
    FeatureResult("graphs", FeatureState.VERIFIED, "captured 5 graphs"),
    FeatureResult("mtp", FeatureState.NOT_APPLICABLE, "no num_nextn_predict_layers"),
    FeatureResult("flashcomm1", FeatureState.UNSUPPORTED, "the server died"),
)
TITLES = (
    "1 Introduction",
    "Supported Features",
    "3 Prerequisites",
    "4 Installation",
    "5 Online Service Deployment {: #5-online-service-deployment }",
    "Functional Verification",
    "7 Accuracy Evaluation",
    "8.1 Performance Evaluation",
)


def verdict(stage: str, outcome: str = "passed", **fields: Any) -> Verdict:
    return make_verdict(stage, outcome, **{"digests": NOW, "command": SERVE, **fields})


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A vision model of which all is shown."""
    accuracy = read_results(write_results(tmp_path / "results.json"), NOW)
    rows = "\n".join(accuracy_rows(accuracy))
    metrics = "".join(f"\n  - name: {m}\n    value: {v}" for _, m, v in accuracy.figures())
    texts = {
        CONFIG: "model_name: org/nova\nhardware: Atlas A2 Series\nnum_fewshot: 3\n"
        f"tasks:\n- name: count\n  metrics:{metrics}\n",
        TUTORIAL: "# nova\n\n" + "\n\n".join(f"## {title}\n\nwords\n\n{rows}" for title in TITLES),
        INDEX: "# Models\n\n:::{toctree}\nalpha\nnova\n:::\n",
    }
    return Case(
        name="nova",
        checkpoint=Path("/models/nova"),
        is_multimodal=True,
        verdicts=(
            verdict("dummy"),
            verdict("real", exchanges=(TEXT, PICTURE)),
            verdict("parity"),
            verdict("features", "startup-failed", features=FEATURES),
            verdict("capacity", capacity=CapacityResult(131072, 65536, 70000, (), (LoadTried(16, 16, 640, 9.0),))),
        ),
        digests=NOW,
        accuracy=accuracy,
        config=CONFIG,
        tutorial=TUTORIAL,
        index=INDEX,
        held=texts.get,
    )


def changed(case: Case, stage: str, **fields: Any) -> Case:
    """Return the case with another verdict of a stage."""
    return replace(case, verdicts=tuple(replace(v, **fields) if v.stage == stage else v for v in case.verdicts))


def without(case: Case, *stages: str) -> Case:
    return replace(case, verdicts=tuple(v for v in case.verdicts if v.stage not in stages))


def holding(case: Case, file: PurePosixPath, change: Callable[[str], str | None]) -> Case:
    """Return the case with another text of a file."""
    text = case.held(file)
    assert text is not None
    made = change(text)
    assert made != text
    return replace(case, held=lambda asked: made if asked == file else case.held(asked))


def held(file: PurePosixPath, old: str, new: str) -> Callable[[Case], Case]:
    return lambda case: holding(case, file, lambda text: text.replace(old, new))


def no_file(file: PurePosixPath) -> Callable[[Case], Case]:
    return lambda case: holding(case, file, lambda _: None)


def no_figures(case: Case) -> Case:
    return holding(case, CONFIG, lambda text: text.partition("metrics:")[0] + "metrics: []\n")


REFUSED = Exchange(*text_request("nova", False), 400, {"error": "too long"}, 0.1)
BREAKS: Mapping[str, Mapping[str, Callable[[Case], Case]]] = {
    "real": {
        "has not been run": lambda c: without(c, "real"),
        "on another state": lambda c: changed(c, "real", digests={**NOW, "tree": "t0"}),
        "was run on the device 'cpu' only": lambda c: changed(c, "real", device="cpu"),
    },
    "served": {
        "served with a PYTHONPATH": lambda c: changed(c, "real", command=f"PYTHONPATH=/src {SERVE}"),
        "not served by vllm serve directly": lambda c: changed(c, "real", command=f"env X=1 {SERVE}"),
        "served something else": lambda c: replace(c, checkpoint=Path("/models/other")),
    },
    "requests": {
        "no request for text": lambda c: changed(c, "real", exchanges=(REFUSED, PICTURE)),
        "no request with a picture": lambda c: changed(c, "real", exchanges=(TEXT, TEXT)),
    },
    "dummy": {
        "stage dummy ended as failed": lambda c: replace(
            c, verdicts=(*without(c, "dummy").verdicts, verdict("dummy", "request-failed"))
        ),
    },
    "none-failed": {
        "stage static ended as failed": lambda c: replace(c, verdicts=(verdict("static", "stopped"), *c.verdicts)),
        "stage twin ended as failed": lambda c: replace(c, verdicts=(verdict("twin", "wrong-output"), *c.verdicts)),
    },
    "parity": {"was not shown": lambda c: without(c, "parity")},
    "features": {
        "stage features has not been run": lambda c: without(c, "features"),
        "on another state": lambda c: changed(c, "features", digests={**NOW, "tree": "t0"}),
    },
    "capacity": {
        "stage capacity has not been run": lambda c: without(c, "capacity"),
        "no length was seen to serve": lambda c: changed(c, "capacity", capacity=CapacityResult(131072, None, None)),
    },
    "accuracy": {
        "no accuracy": lambda c: replace(no_figures(c), accuracy=None),
        "and 0.8125 was measured": held(CONFIG, "value: 0.8125", "value: 0.9"),
        "an evaluation of another state": lambda c: replace(
            c, accuracy=c.accuracy and replace(c.accuracy, digests={"tree": "t0"})
        ),
    },
    "test-config": {
        "no test config": no_file(CONFIG),
        "no hardware": held(CONFIG, "hardware: Atlas A2 Series\n", ""),
    },
    "tutorial": {
        "no tutorial": no_file(TUTORIAL),
        "empty: Functional Verification": held(TUTORIAL, "## Functional Verification\n\nwords", "## Other\n\nwords"),
    },
    "index": {"no entry": held(INDEX, "nova\n", "nova-7b\n"), "no index": no_file(INDEX)},
    "code": {
        "lines of this plan that are gone": lambda c: replace(
            c, undeliverable=CheckFailed("lines of this plan that are gone", where="f", expected="e", remedy="r")
        )
    },
    "commit": {
        "a detached HEAD": lambda c: replace(
            c, unfit=UsageError("a detached HEAD", where="repo", expected="a branch", remedy="git switch -c NAME")
        )
    },
}
"""Point → what the refusal says → how it is made to fail."""


def rows_of(case: Case) -> dict[str, Row]:
    return {row.point.id: row for row in look(case)}


def test_what_is_shown_passes_with_the_place_of_its_evidence(case: Case) -> None:
    rows = look(case)
    check_rows(rows)
    assert {row.answer.state for row in rows} == {State.SHOWN}
    found = {row.point.id: (row.answer.says, row.answer.where) for row in rows}
    assert found["requests"] == ("text: 'hello'; picture: 'red'", "serve.log")
    assert found["served"][0] == SERVE
    assert "flashcomm1 unsupported" in found["features"][0]
    assert found["capacity"][0] == "65536 tokens, answered 16 of 16 at once"
    assert found["tutorial"][1] == str(TUTORIAL)


def test_each_point_has_a_case_that_fails() -> None:
    assert list(BREAKS) == [point.id for point in POINTS]


@pytest.mark.parametrize(("point", "says"), [(point, says) for point, failing in BREAKS.items() for says in failing])
def test_a_point_made_to_fail_refuses_and_names_itself(case: Case, point: str, says: str) -> None:
    rows = look(BREAKS[point][says](case))
    with pytest.raises(GateRefused) as refused:
        check_rows(rows)
    assert f"{point}: " in refused.value.found
    assert says in refused.value.found
    (row,) = (row for row in rows if row.point.id == point)
    assert row.answer.state is State.MISSING
    named = {row.point.id for row in rows if row.answer.state is State.MISSING}
    allowed = {"served", "requests"} if point == "real" else set()
    assert named <= {point} | allowed, "a point that fails drags no other down"


@pytest.mark.parametrize("point", BREAKS)
def test_a_reason_stands_in_where_it_may_and_nowhere_else(case: Case, point: str) -> None:
    (first, *_) = BREAKS[point].values()
    parity, accuracy = ("why" if point == name else "" for name in ("parity", "accuracy"))
    failing = replace(first(case), excuses=Excuses(parity, accuracy, {point: "why"}))
    if point in REASONABLE:
        assert rows_of(failing)[point].answer.state is State.REASONED
        assert rows_of(failing)[point].answer.says == "why"
    else:
        assert rows_of(failing)[point].answer.state is State.MISSING


def test_several_are_all_named_each_with_what_to_do(case: Case) -> None:
    with pytest.raises(GateRefused) as refused:
        check_rows(look(without(case, "features", "capacity")))
    assert refused.value.found.startswith("2 points of the quality gate are missing: features: ")
    assert "; capacity: " in refused.value.found
    assert "--stage features" in refused.value.remedy
    assert "--without capacity" in refused.value.remedy


def test_a_person_reads_a_line_for_each_point_and_once_what_to_do_for_those_that_one_call_shows(case: Case) -> None:
    with pytest.raises(GateRefused) as refused:
        check_rows(look(without(case, "real", "features")))
    head, *lines = refused.value.lines
    assert head.endswith("points of the quality gate are missing")
    assert [line.split(":")[0] for line in lines[:4]] == ["real", "served", "requests", "  remedy"]
    assert sum("--stage real" in line for line in lines) == 1
    with pytest.raises(GateRefused) as one:
        check_rows(look(without(case, "features")))
    assert one.value.lines == ()


def test_what_another_device_showed_is_told_as_such_and_not_asked_for_again(case: Case) -> None:
    on_cpu = changed(changed(case, "real", device="cpu"), "parity", device="cpu")
    rows = rows_of(on_cpu)
    assert {rows[point].answer.says for point in ("real", "served", "requests")} == {
        "stage real was run on the device 'cpu' only"
    }
    assert rows["parity"].answer.says == "parity with the reference was shown on the device 'cpu' only"
    with pytest.raises(GateRefused) as refused:
        check_rows(look(on_cpu))
    (remedy,) = (line for line in refused.value.lines if "remedy" in line)
    assert "--accept-device cpu" in remedy
    check_rows(look(replace(on_cpu, accepted_device="cpu")))


def test_a_point_that_nothing_shows_names_no_evidence(case: Case) -> None:
    rows = rows_of(without(case, "real", "parity"))
    assert [rows[point].answer.where for point in ("real", "parity")] == ["", ""]


CALL = re.compile(r"scaffold (?:new-model|validate|evaluate|commit) [^;,]*")


@pytest.mark.parametrize("point", BREAKS)
def test_what_to_do_is_a_call_of_this_model_that_can_be_pasted(case: Case, point: str) -> None:
    (fail, *_) = BREAKS[point].values()
    spaced = replace(fail(case), name="nova", checkpoint=Path("/models/my nova"), work=Path("/some where"))
    (row,) = (row for row in look(spaced) if row.point.id == point)
    calls = CALL.findall(row.error.remedy)
    assert bool(calls) is (point not in ("none-failed", "commit", "code"))
    for call in calls:
        assert "CHECKPOINT" not in call
        words = shlex.split(call.removesuffix(" after "))
        assert words[2:3] == ["/models/my nova"]
        assert words[-4:] == ["--name", "nova", "--work", "/some where"] or words[-1] == "FILE"
        check_call(words)


def test_what_was_edited_by_hand_is_told_and_refuses_nothing(case: Case) -> None:
    assert "by hand" not in rows_of(case)["code"].answer.says
    edited = rows_of(replace(case, edited=("vllm/model_executor/models/nova.py",)))["code"].answer
    assert edited.state is State.SHOWN
    assert edited.says.endswith("edited by hand since they were generated: vllm/model_executor/models/nova.py")


@pytest.mark.parametrize(("points", "code"), [(("commit",), 2), (("code",), 1), (("code", "commit"), 1)])
def test_the_exit_code_is_that_of_what_is_missing(case: Case, points: tuple[str, ...], code: int) -> None:
    for point in points:
        (fail,) = BREAKS[point].values()
        case = fail(case)
    with pytest.raises(GateRefused) as refused:
        check_rows(look(case))
    assert refused.value.exit_code == code


def test_random_weights_that_were_not_used_are_no_gap_and_sign_nothing(case: Case) -> None:
    assert rows_of(without(case, "dummy"))["dummy"].answer.state is State.REASONED
    alone = rows_of(without(case, "real", "parity"))
    assert {alone[point].answer.state for point in ("real", "served", "requests", "parity")} == {State.MISSING}


def test_a_text_model_needs_no_picture(case: Case) -> None:
    assert rows_of(replace(changed(case, "real", exchanges=(TEXT,)), is_multimodal=False))["requests"].answer.state is (
        State.SHOWN
    )


def test_a_feature_that_this_device_cannot_show_is_a_reason_of_its_own(case: Case) -> None:
    untried = (*FEATURES, FeatureResult("expert-parallel", FeatureState.NOT_TRIED, "it takes 2 ranks"))
    answer = rows_of(changed(case, "features", features=untried))["features"].answer
    assert answer.state is State.REASONED
    assert "expert-parallel: it takes 2 ranks" in answer.says


def test_a_reason_for_what_was_shown_after_all_is_left_out(case: Case) -> None:
    given = {"features": "no NPU", "capacity": "no NPU"}
    rows = look(replace(without(case, "capacity"), excuses=Excuses(without=given)))
    assert used(given, rows) == {"capacity": "no NPU"}


@pytest.mark.parametrize("given", [{"real": "why"}, {"features": ""}, {"code": "why"}, {"nothing": "why"}])
def test_a_reason_for_what_takes_none_is_an_error(given: dict[str, str]) -> None:
    check_reasons(dict.fromkeys(REASONABLE, "why"))
    with pytest.raises(UsageError, match="features"):
        check_reasons(given)


@each(
    ("text", "says"),
    [
        ("a: [", "no YAML"),
        ("- 1", "no mapping"),
        ("model_name: ''\n", "model_name is ''"),
        ("model_name: a\nhardware: b\ntasks: []\n", "tasks is []"),
        ("model_name: a\nhardware: b\ntasks: [{name: c}]\nnum_fewshot: true\n", "num_fewshot is True"),
        ("model_name: a\nhardware: b\ntasks: [7]\nnum_fewshot: 0\n", "tasks[0] is no mapping"),
        (
            "model_name: a\nhardware: b\ntasks: [{name: c, metrics: [{name: d, value: null}]}]\nnum_fewshot: 0\n",
            "tasks[0].metrics[0].value is None",
        ),
        ("model_name: a\nhardware: b\ntasks: [{name: c, metrics: []}]\nnum_fewshot: 0\n", ""),
    ],
)
def test_a_test_config_that_breaks_the_trees_own_test_is_told(text: str, says: str) -> None:
    found = config_problem(text)
    assert says in found if says else found == ""


def test_what_stands_in_a_fence_is_no_heading() -> None:
    text = "## 1 A\n\nwords\n\n````shell\n## no heading\n```\n## nor this\n````\n\n## B\n### B.1\n\n## C\n"
    assert {title: bool(body) for title, body in sections(text)} == {"": False, "A": True, "B": True, "C": False}
