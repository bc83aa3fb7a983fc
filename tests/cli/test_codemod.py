"""``scaffold codemod``: codemods and recipes by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codemods import CODEMODS, RECIPES
from scaffold.delivery.layout import TEST_CONFIGS
from scaffold.evidence.workspace import Workspace
from tests.cli.conftest import Desk
from tests.snapshots import snapshot

ENTRY = ("architecture=NovaForCausalLM", "module=nova", "class_name=NovaForCausalLM")


def test_the_list_has_codemods_and_recipes(desk: Desk) -> None:
    document = desk.call("codemod", "list", "--json").document
    assert [row["name"] for row in document["codemods"]] == [codemod.name for codemod in CODEMODS]
    assert [row["name"] for row in document["recipes"]] == [recipe.name for recipe in RECIPES]
    assert document["recipes"][0]["codemods"] == ["ascend-worker-patch", "ascend-patch-import", "ascend-patch-log"]


@pytest.mark.parametrize("name", [found.name for found in (*CODEMODS, *RECIPES)])
def test_each_is_shown_with_its_arguments_and_examples(empty_desk: Desk, name: str) -> None:
    answer = empty_desk.call("codemod", "show", name)
    assert answer.code == 0
    assert answer.stdout.startswith(f"{name}: ")
    assert "--- becomes" in answer.stdout


def test_a_recipe_shows_how_its_arguments_feed_its_codemods(desk: Desk) -> None:
    shown = desk.call("codemod", "show", "list-tutorial").stdout
    assert "step: toctree-entry page={tutorial}.md, where there is no mkdocs.yml" in shown
    shown = desk.call("codemod", "show", "add-patch").stdout
    assert "source=<the module of {target} in {vllm}>" in shown
    assert "importers=<the modules of {vllm} that import {target} by name>" in shown


def test_a_codemod_runs_and_is_undone(desk: Desk) -> None:
    before = snapshot(desk.vllm)
    words = ("codemod", "run", "vllm-registry-entry", desk.vllm, *ENTRY, "--work", desk.work, "--json")
    shown = desk.call(*words, "--dry-run").document
    assert snapshot(desk.vllm) == before
    done = desk.call(*words).document
    assert (shown["changed"], done["changed"], shown["dry_run"], done["dry_run"]) == (True, True, True, False)
    assert shown["diff"] == done["diff"]
    assert [Path(path).name for path in done["files"]] == ["registry.py"]
    assert desk.call(*words).document["changed"] is False
    assert desk.call("undo", "--work", desk.work).code == 0
    assert snapshot(desk.vllm) == before


def test_a_recipe_is_one_run(desk: Desk) -> None:
    before = snapshot(desk.delivery)
    target = "vllm.model_executor.models.utils.maybe_prefix"
    words = ("module=patch_nova", f"target={target}", "why=W", "how=H", "related_pr=R", "future_plan=F")
    vllm = desk.root / "vllm-source"
    (vllm / "vllm/model_executor/models").mkdir(parents=True)
    (vllm / "vllm/model_executor/models/utils.py").write_text("def maybe_prefix(prefix, name):\n    return name\n")
    arguments = (*words, f"vllm={vllm}", "--work", desk.work)
    answer = desk.call("codemod", "run", "add-patch", desk.delivery, *arguments, "--json")
    assert answer.code == 0, answer.stderr
    assert len(answer.document["files"]) == 3
    assert desk.call("undo", "--work", desk.work).code == 0
    assert snapshot(desk.delivery) == before


def test_undo_says_so_where_somebody_took_the_edit_back_already(desk: Desk) -> None:
    registry = desk.vllm / "vllm/model_executor/models/registry.py"
    before = registry.read_bytes()
    words = [*ENTRY[1:], "architecture=Nova2ForCausalLM"]
    assert desk.call("codemod", "run", "vllm-registry-entry", desk.vllm, *words, "--work", desk.work).code == 0
    registry.write_bytes(before)
    answer = desk.call("undo", "--work", desk.work)
    assert (answer.code, answer.stdout.count("\n")) == (0, 1)
    assert "is as before it already" in answer.stdout
    assert desk.call("undo", "--work", desk.work).code == 2


def test_undo_goes_back_through_runs_of_all_kinds(desk: Desk, nova: Path) -> None:
    states = [snapshot(desk.vllm, desk.delivery)]
    assert desk.new_model(nova).code == 0
    states.append(snapshot(desk.vllm, desk.delivery))
    words = [*ENTRY[1:], "architecture=Nova2ForCausalLM"]
    assert desk.call("codemod", "run", "vllm-registry-entry", desk.vllm, *words, "--work", desk.work).code == 0
    for state in reversed(states):
        assert desk.call("undo", "--work", desk.work).code == 0
        assert snapshot(desk.vllm, desk.delivery) == state
    assert desk.call("undo", "--work", desk.work).code == 2


def test_a_model_is_forgotten_with_the_run_that_made_its_files_and_not_before(desk: Desk, nova: Path) -> None:
    config = desk.delivery / TEST_CONFIGS / "nova.yaml"
    assert desk.new_model(nova).code == 0
    first = config.read_text()
    assert desk.new_model(nova, "--trust-remote-code").code == 0
    assert config.read_text() != first
    for text, planned in ((first, ["nova"]), (None, [])):
        assert desk.call("undo", "--work", desk.work).code == 0
        assert (config.read_text() if config.exists() else None) == text
        assert Workspace(desk.work).planned() == planned


def test_what_is_refused_ends_with_2_and_says_why(desk: Desk) -> None:
    answer = desk.call("codemod", "run", "add-ptach", desk.delivery, "--work", desk.work, "--json")
    assert answer.code == 2
    assert answer.document["error"]["kind"] == "Refusal"
    assert "add-patch" in json.dumps(answer.document)
    answer = desk.call("codemod", "run", "add-patch", desk.delivery, "module", "--work", desk.work)
    assert answer.code == 2
    assert "name=value" in answer.stderr
