"""Accuracy: figures of an evaluation's results file, in every document, and no other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scaffold.checkpoint.read import read_checkpoint
from scaffold.common.errors import CheckFailed, UsageError
from scaffold.delivery.accuracy import ACCURACY, Accuracy, Metric, read_results
from scaffold.delivery.documents import Delivery, delivery_context, render_documents
from scaffold.delivery.excuses import Excuses
from scaffold.delivery.figures import check_figures
from scaffold.delivery.measured import accuracy_rows
from scaffold.delivery.sign_off import check_accuracy
from scaffold.evidence.workspace import Workspace
from scaffold.reading.from_source import read_from_source
from scaffold_validators.problem import Problem
from tests.delivery.results import results, write_results

DIGESTS = {"tree": "1", "checkpoint": "2"}
CONFIG, TUTORIAL = "tests/e2e/models/configs/nova.yaml", "docs/source/tutorials/models/nova.md"


Values = dict[str, Any]


@pytest.fixture
def values(nova: Path) -> Values:
    """What the documents of the made-up model are filled from."""
    read = read_checkpoint(nova)
    return delivery_context(Delivery("nova", read, read_from_source(read, None), "transformers", "myst", False))


def measured(folder: Path, **changed: Any) -> Accuracy:
    return read_results(write_results(folder / "results.json", **changed), DIGESTS)


def test_figures_come_with_all_that_they_depend_on(tmp_path: Path) -> None:
    found = measured(tmp_path)
    (task,) = found.tasks
    assert task.metrics == (Metric("acc,strict", 0.71239999, None), Metric("exact_match,none", 0.8125, 0.01))
    assert (task.num_fewshot, task.samples, task.of, task.is_sampled) == (3, 16, 64, True)
    assert (found.model, found.model_args) == ("local-completions", "model=good,base_url=http://x/v1")
    assert (found.lm_eval_version, found.date, found.chat_template) == ("0.4.13", "2026-11-27T10:15", False)
    assert list(found.figures()) == [("count", "acc,strict", 0.7124), ("count", "exact_match,none", 0.8125)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{", "no results of lm_eval"),
        ("[]", "no results of lm_eval"),
        (json.dumps({"results": {}}), "nothing under 'date'"),
        (json.dumps(results(results={"count": {"alias": "count"}})), "results without a figure"),
        (json.dumps(results(results={"count": {"acc,none": float("nan")}})), "acc,none is nan"),
        (json.dumps(results(results={"count": 7})), "no results of lm_eval"),
        (json.dumps(results(date="yesterday")), "no results of lm_eval"),
        (json.dumps(results(results={"co|unt": {"acc,none": 0.5}})), "the name 'co|unt'"),
        (json.dumps(results(results={"\ud800": {"acc,none": 0.5}})), "the name"),
        (json.dumps(results(results={"count": {"ppl,none": 1e308}})), "ppl,none is 1e\\+308"),
        (json.dumps(results(**{"n-shot": {"count": -1}})), "-1 shots"),
        (json.dumps(results(**{"n-samples": {"count": {"original": 4, "effective": 5}}})), "5 of 4 questions"),
    ],
)
def test_what_is_no_results_file_is_refused(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=found):
        read_results(path, DIGESTS)


def test_both_documents_have_the_figures_and_what_they_were_measured_with(tmp_path: Path, values: Values) -> None:
    found = measured(tmp_path)
    written = {str(path): text for path, text in render_documents("nova", values, accuracy=found).items()}
    config = yaml.safe_load(written[CONFIG])
    assert config["tasks"] == [
        {
            "name": "count",
            "metrics": [{"name": "acc,strict", "value": 0.7124}, {"name": "exact_match,none", "value": 0.8125}],
        }
    ]
    assert (config["num_fewshot"], config["apply_chat_template"]) == (3, False)
    assert "| count | exact_match,none | 3 | 0.8125 | ± 0.0100 |" in written[TUTORIAL].splitlines()
    for text in written.values():
        assert "lm_eval 0.4.13" in text
        assert "only 16 of 64 questions of count" in text
    figures = {(task, metric): value for task, metric, value in found.figures()}
    check_figures(written[CONFIG], written[TUTORIAL], figures, accuracy_rows(found), (CONFIG, TUTORIAL))


def test_a_reason_for_none_is_in_both_documents(values: Values) -> None:
    excuses = Excuses(accuracy_pending="no NPU: until\nDecember")
    for text in render_documents("nova", values, excuses=excuses).values():
        assert "No accuracy has been measured: no NPU: until December." in text


def test_reasons_for_what_was_not_tried_are_in_the_tutorial(values: Values) -> None:
    excuses = Excuses(without={"features": "no NPU | here.", "capacity": "no time"})
    written = {str(path): text for path, text in render_documents("nova", values, excuses=excuses).items()}
    assert "No feature has been tried yet: no NPU / here. `scaffold validate" in written[TUTORIAL]
    assert "No configuration has been measured yet: no time. `scaffold validate" in written[TUTORIAL]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (("value: 0.8125", "value: 0.9125"), "0.9125 as exact_match,none of count, and 0.8125 was measured"),
        (("value: 0.8125", "value: null"), "None as exact_match,none"),
        (('- name: "count"', '- name: "gsm8k"'), "of gsm8k, and nothing was measured"),
        (("tasks:", "tasks: 7 #"), "a test config that cannot be read"),
        (("| 0.8125 |", "| 0.9125 |"), "a tutorial without the line"),
    ],
)
def test_a_figure_that_was_typed_in_is_found(
    tmp_path: Path, values: Values, change: tuple[str, str], found: str
) -> None:
    accuracy = measured(tmp_path)
    written = {str(path): text for path, text in render_documents("nova", values, accuracy=accuracy).items()}
    changed = {path: text.replace(*change) for path, text in written.items()}
    assert changed != written
    figures = {(task, metric): value for task, metric, value in accuracy.figures()}
    with pytest.raises(CheckFailed, match=found) as refused:
        check_figures(changed[CONFIG], changed[TUTORIAL], figures, accuracy_rows(accuracy), (CONFIG, TUTORIAL))
    assert refused.value.where == (TUTORIAL if "tutorial" in found else CONFIG)


@given(value=st.floats(allow_nan=False) | st.integers() | st.booleans() | st.none() | st.text(max_size=3))
def test_without_an_evaluation_no_value_at_all_is_accepted(value: Any) -> None:
    config = yaml.safe_dump({"tasks": [{"name": "gsm8k", "metrics": [{"name": "acc,none", "value": value}]}]})
    with pytest.raises(CheckFailed, match="nothing was measured"):
        check_figures(config, "", {}, (), (CONFIG, TUTORIAL))


def test_a_commit_needs_figures_of_this_state_or_a_reason(tmp_path: Path) -> None:
    accuracy = measured(tmp_path)
    check_accuracy(accuracy, DIGESTS, "")
    check_accuracy(None, DIGESTS, "no NPU")
    with pytest.raises(CheckFailed, match="no accuracy"):
        check_accuracy(None, DIGESTS, "")
    with pytest.raises(CheckFailed, match="an evaluation of another state"):
        check_accuracy(replace(accuracy, digests={"tree": "other"}), DIGESTS, "no NPU")


def test_what_was_kept_is_read_again_and_what_was_changed_is_not(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.measured(ACCURACY, "nova") is None
    workspace.save_measured(ACCURACY, "nova", measured(tmp_path))
    path = workspace.save_measured(ACCURACY, "nova", measured(tmp_path, lm_eval_version="0.4.14"))
    kept = workspace.measured(ACCURACY, "nova")
    assert kept is not None
    assert kept.lm_eval_version == "0.4.14"
    Path(kept.results).write_text(Path(kept.results).read_text().replace("0.8125", "0.9"))
    with pytest.raises(Problem, match=r"the results that .* was made of"):
        workspace.measured(ACCURACY, "nova")
    path.write_text(path.read_text().replace("0.8125", "0.9"))
    with pytest.raises(Problem, match="sha256"):
        workspace.measured(ACCURACY, "nova")
