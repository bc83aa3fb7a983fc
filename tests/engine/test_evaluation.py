"""``scaffold evaluate``: real ``lm_eval`` and ``vllm bench serve`` against a real server, up to the commit."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.engine.conftest import Shop
from tests.engine.test_main_job import git
from tests.lab.checkpoints import checkpoint
from tests.lab.demo import SERVE
from tests.lab.evaluation import QUESTIONS, TASK, lm_eval_python, write_task
from tests.lab.ports import free_port

pytestmark = pytest.mark.engine
NAME = "Measured"
ONE = (*SERVE[:-1], "1")
LOAD = ("--bench", "--bench-prompts", "4", "--bench-input-len", "16", "--bench-output-len", "8")


def test_what_was_measured_is_in_both_documents_and_nothing_else_is(shop: Shop, tmp_path: Path) -> None:
    path, port = checkpoint("qwen3"), ("--port", str(free_port()))
    planned = shop.run(
        "new-model", path, *shop.place.options(), "--name", NAME, "--validate", "--stage", "real", *port, *ONE
    )
    assert planned.code == 0, planned.said

    roots = ("--work", shop.place.work, "--name", NAME)
    asked = ("--tasks", TASK, "--include-path", write_task(tmp_path / "tasks"), "--num-fewshot", "0")
    serve = ("--python", shop.place.python, *port, *ONE[2:])
    measured = shop.run("evaluate", path, *roots, *asked, *LOAD, "--lm-eval-python", lm_eval_python(), *serve)
    assert measured.code == 0, measured.said
    (task,) = measured.document["accuracy"]["tasks"]
    value = task["metrics"][0]["value"]
    assert (task["name"], task["samples"], task["of"]) == (TASK, QUESTIONS, QUESTIONS)
    assert 0 <= value <= 1
    performance = measured.document["benchmark"]
    assert performance["figures"]["completed"] == 4
    assert performance["digests"] == measured.document["accuracy"]["digests"]

    reasons = ("--accept-device", "cpu", "--without-parity", "measured for its accuracy")
    reasons += ("--without", "features", "no NPU here", "--without", "capacity", "no NPU here")
    made = shop.run("commit", path, *roots, *reasons)
    assert made.code == 0, made.said
    config = shop.place.ascend / f"tests/e2e/models/configs/{NAME}.yaml"
    tutorial = shop.place.ascend / f"docs/source/tutorials/models/{NAME}.md"
    (row,) = yaml.safe_load(config.read_text())["tasks"]
    assert row["metrics"][0]["value"] == round(value, 4)
    assert f"| {TASK} | acc,none | 0 | {round(value, 4)} |" in tutorial.read_text()
    assert "| Completed requests | 4 |" in tutorial.read_text().splitlines()
    assert f"{NAME}.yaml" in git(shop.place.ascend, "show", "--format=", "HEAD", "--", "*/accuracy.txt")

    for file, old, new in (
        (config, f"value: {round(value, 4)}", "value: 0.987"),
        (tutorial, "| Completed requests | 4 |", "| Completed requests | 5 |"),
    ):
        before = file.read_text()
        file.write_text(before.replace(old, new))
        assert file.read_text() != before
        refused = shop.run("commit", path, *roots, *reasons, "--dry-run")
        assert refused.code == 1, refused.said
        assert "the figures of the evaluation that was kept, and no others" in refused.said
        file.write_text(before)
