"""The main job on real checkpoints through a real vLLM: each strategy, each stage, one commit."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import Shop
from tests.lab.checkpoints import checkpoint

pytestmark = pytest.mark.engine
ALL_PASSED = {
    ("dummy", 1): "passed",
    ("real", 1): "passed",
    ("parity", 1): "passed",
    ("real", 2): "passed",
    ("parity", 2): "passed",
}


def git(repo: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=repo, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("row", "module", "architecture"),
    [("helium", "helium", "HeliumForCausalLM"), ("solar-open", "solar_open", "SolarOpenForCausalLM")],
)
def test_a_native_adapter_agrees_with_transformers_and_is_committed(
    shop: Shop, row: str, module: str, architecture: str
) -> None:
    answer = shop.main_job(row)
    assert answer.code == 0, answer.said
    assert answer.document["strategy"] == "native"
    assert answer.outcomes() == ALL_PASSED
    for verdict in answer.document["verdicts"]:
        if verdict["stage"] == "parity":
            numbers = verdict["numbers"]
            assert (numbers["dtype"], numbers["positions"] >= 1000) == ("float32", True)
            assert numbers["largest_logprob_difference"] < 1e-3
            assert numbers["greedy_tokens_agreeing"] == numbers["greedy_tokens_counted"] > 200
    assert answer.document["weights"]["unrouted"] == []

    diff = git(shop.place.vllm, "diff", "-U0", "--", "vllm/model_executor/models/registry.py").splitlines()
    assert not [line for line in diff if line.startswith("-") and not line.startswith("---")]
    assert f'+    "{architecture}": ("{module}", "{architecture}"),' in diff

    commit = answer.document["commit"]
    own = {f"docs/source/tutorials/models/{row}.md", f"tests/e2e/models/configs/{row}.yaml"}
    own |= {f"vllm_ascend/models/{module}.py", "vllm_ascend/models/__init__.py"}
    committed = git(shop.place.ascend, "show", "--name-only", "--format=", commit).split()
    own |= {f"docs/source/locale/zh_CN/LC_MESSAGES/tutorials/models/{row}.po"}
    lists = {"docs/source/tutorials/models/index.md", "docs/source/user_guide/support_matrix/supported_models.md"}
    assert set(committed) == own | lists
    message = git(shop.place.ascend, "log", "-1", "--format=%B", commit)
    assert "Signed-off-by: " in message
    assert "No NPU was used: the evidence is of the device cpu, accepted explicitly." in message
    assert git(shop.place.ascend, "status", "--short", "--", *own) == ""
    _check_report(shop, row, answer.document)


def _check_report(shop: Shop, row: str, job: dict[str, Any]) -> None:
    """Check that report and runbook say what the job found: of a real server's log, answers and comparison."""
    folder = shop.place.work / "reports" / row
    told = shop.run("report", checkpoint(row), "--work", shop.place.work, "--output", folder)
    assert told.code == 0, told.said
    value, report = told.document["report"], (folder / "report.md").read_text()
    assert value["commit"]["hash"] == job["commit"]
    assert all(verdict["record"] in report for verdict in job["verdicts"])
    assert re.search(r"个 token 的对数概率（`float32`）与 float32 参考值的差异：中位数 `[\d.e-]+`（上限 ", report)
    assert any("Loading weights took" in line["text"] for line in value["log_lines"])
    shown = {(row["subject"], row["dummy"], row["real"]) for row in value["proofs"]}
    assert {("api", "yes", "yes"), ("weight-names", "cannot", "yes"), ("shards", "cannot", "yes")} <= shown
    start, *_ = re.findall(r"```bash\n(.*)\n```", (folder / "runbook.md").read_text())
    assert start in {verdict["command"] for verdict in job["verdicts"] if verdict["stage"] == "real"}
    assert {near["architecture"] for near in value["account"]["near"]}
    assert [limit["detail"] for limit in value["limits"] if limit["kind"] == "no-npu"] == ["CPU"]


def test_a_model_that_vllm_has_needs_no_code(shop: Shop) -> None:
    before = git(shop.place.vllm, "status", "--short")
    answer = shop.main_job("qwen3", "1", "--stage", "parity")
    assert answer.code == 0, answer.said
    assert answer.document["strategy"] == "supported"
    assert answer.outcomes()["parity", 1] == "passed"
    assert git(shop.place.vllm, "status", "--short") == before


def test_an_unknown_name_with_the_spec_of_a_known_one_is_one_line(shop: Shop) -> None:
    before = git(shop.place.vllm, "diff", "--numstat", "--", ".").splitlines()
    answer = shop.main_job("mirror", "1", "--stage", "parity")
    assert answer.code == 0, answer.said
    assert answer.document["strategy"] == "alias"
    assert answer.outcomes()["parity", 1] == "passed"
    diff = git(shop.place.vllm, "diff", "-U0", "--", "vllm/model_executor/models/registry.py")
    assert '+    "MirrorForCausalLM": ("qwen3", "Qwen3ForCausalLM"),' in diff.splitlines()
    added = sum(int(line.split()[0]) for line in before)
    after = git(shop.place.vllm, "diff", "--numstat", "--", ".").splitlines()
    assert sum(int(line.split()[0]) for line in after) == added + 1


def test_an_environment_that_runs_another_tree_is_an_error(shop: Shop, registry_tree: Path) -> None:
    roots = ("--vllm", registry_tree, "--delivery", shop.place.ascend, "--work", shop.place.work)
    answer = shop.run("new-model", checkpoint("helium"), *roots, "--python", shop.place.python, "--dry-run")
    assert answer.code == 2
    assert f"vllm.__file__ is {shop.place.vllm}" in answer.document["error"]["found"]
