"""The main job up to the change set, on the made-up model and the real registry; no engine runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from scaffold.delivery.layout import TEST_CONFIGS
from scaffold.roots.vllm_tree import REGISTRY
from tests.cli.conftest import Desk
from tests.models.families import config_of, shapes_of, write
from tests.sampled import costly
from tests.snapshots import snapshot

ADAPTER = "vllm/model_executor/models/nova.py"
PATCHED = "vllm.model_executor.models.registry._ModelRegistry.get_supported_archs"
"""A real method of a file that the small tree has."""


def test_dry_run_shows_everything_and_writes_nothing(desk: Desk, nova: Path) -> None:
    before = snapshot(desk.root, without="nothing is left out")
    answer = desk.new_model(nova, "--dry-run", "--json")
    assert answer.code == 0, answer.stderr
    document = answer.document
    assert (document["strategy"], document["placement"], document["dry_run"]) == ("native", "vllm", True)
    actions = {Path(file["path"]).relative_to(desk.root).as_posix(): file["action"] for file in document["files"]}
    configs = "vllm-root/vllm/transformers_utils"
    assert actions == {
        f"vllm-root/{ADAPTER}": "create",
        f"vllm-root/{REGISTRY}": "edit",
        f"{configs}/configs/configuration_nova.py": "create",  # no remote code is needed for it
        f"{configs}/configs/__init__.py": "edit",
        f"{configs}/config.py": "edit",
        "vllm-ascend/tests/e2e/models/configs/nova.yaml": "create",
        "vllm-ascend/docs/source/tutorials/models/nova.md": "create",
        "vllm-ascend/docs/source/tutorials/models/index.md": "edit",
    }
    for file in document["files"]:
        assert Path(file["path"]).name in document["diff"]
    assert document["weights"] == {"tensors": 39, "routed": 39, "ignored": 0, "unrouted": []}
    assert document["holes"] == []
    assert snapshot(desk.root, without="nothing is left out") == before


def test_what_is_not_proved_of_a_strategy_is_said_first_and_left_to_the_twin(desk: Desk, tmp_path: Path) -> None:
    folder = write(tmp_path / "plain", config_of("qwen3"), shapes_of("qwen3"))
    answer = desk.new_model(folder, "--dry-run", "--json")  # of a tree that has the registry alone
    assert (answer.code, answer.document["strategy"]) == (0, "supported")
    (why,) = answer.document["not_proved"]
    assert "could not be read" in why
    assert why in answer.document["notes"]
    assert "strategy supported, as far as could be read" in answer.stderr
    assert f"not proved: {why}" in answer.stderr
    assert [" --twin " in line for line in answer.document["next"]].count(True) == 1


def test_the_diff_is_one_that_git_applies(desk: Desk, nova: Path) -> None:
    diff = desk.new_model(nova, "--dry-run", "--json").document["diff"]
    desk.new_model(nova)
    written = snapshot(desk.vllm, desk.delivery)
    desk.call("undo", "--work", desk.work)
    for label, root in (("vllm", desk.vllm), ("delivery", desk.delivery)):
        command = ["git", "apply", "-p2", f"--include={'*'}", "-"]
        parts = [part for part in diff.split("diff --git ")[1:] if part.startswith(f"a/{label}/")]
        text = "".join("diff --git " + part for part in parts)
        subprocess.run(command, input=text, text=True, cwd=root, check=True)
    assert snapshot(desk.vllm, desk.delivery) == written


def test_undo_restores_every_byte(desk: Desk, nova: Path) -> None:
    before = snapshot(desk.vllm, desk.delivery)
    assert desk.new_model(nova, "--patch", PATCHED).code == 0
    assert snapshot(desk.vllm, desk.delivery) != before
    assert desk.call("undo", "--work", desk.work).code == 0
    assert snapshot(desk.vllm, desk.delivery) == before
    again = desk.call("undo", "--work", desk.work)
    assert again.code == 2
    assert "no run to take back" in again.stderr


def test_the_registry_gains_one_line_in_its_order(desk: Desk, nova: Path) -> None:
    before = (desk.vllm / REGISTRY).read_text().splitlines()
    desk.new_model(nova)
    after = (desk.vllm / REGISTRY).read_text().splitlines()
    entry = '    "NovaForCausalLM": ("nova", "NovaForCausalLM"),'
    place = after.index(entry)
    assert after[:place] + after[place + 1 :] == before
    assert "NemotronHPuzzleForCausalLM" in after[place - 1]
    assert "OlmoHybridForCausalLM" in "".join(after[place + 1 : place + 3])  # MuseGlimmer stands out of order there


def test_the_adapter_passes_the_trees_own_ruff(desk: Desk, nova: Path) -> None:
    assert "[tool.ruff" in (desk.vllm / "pyproject.toml").read_text()
    desk.new_model(nova)
    for words in (("check", "--no-cache"), ("format", "--check", "--no-cache")):
        command = [sys.executable, "-m", "ruff", *words, ADAPTER]
        result = subprocess.run(command, cwd=desk.vllm, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout


def test_the_adapter_imports_no_config_class_that_only_the_checkpoint_has(desk: Desk, nova: Path) -> None:
    desk.new_model(nova)
    text = (desk.vllm / ADAPTER).read_text()
    assert "from transformers import PretrainedConfig\n" in text
    assert "NovaConfig" not in text


def test_a_second_run_changes_nothing(desk: Desk, nova: Path) -> None:
    desk.new_model(nova)
    before = snapshot(desk.vllm, desk.delivery)
    answer = desk.new_model(nova, "--json")
    assert (answer.code, answer.document["strategy"], answer.document["files"]) == (0, "native", [])
    assert snapshot(desk.vllm, desk.delivery) == before


@costly
def test_the_adapter_is_generated_anew_for_another_checkpoint_of_the_architecture(desk: Desk, nova: Path) -> None:
    desk.new_model(nova)
    before = snapshot(desk.vllm)
    sibling = Path(shutil.copytree(nova, nova.with_name("nova-instruct")))
    answer = desk.new_model(sibling, "--strategy", "native")
    assert answer.code == 0, answer.stderr
    assert snapshot(desk.vllm) == before


@costly
def test_edits_are_merged_with_what_is_generated_now_and_contradictions_are_marked(desk: Desk, nova: Path) -> None:
    config = desk.delivery / TEST_CONFIGS / "nova.yaml"
    desk.new_model(nova, "--trust-remote-code")
    generated = config.read_text()
    assert "trust_remote_code: true" in generated
    mine = generated.replace("model_type:", "# mine\nmodel_type:")
    config.write_text(mine)
    assert desk.new_model(nova).code == 0
    assert config.read_text() == mine.replace("trust_remote_code: true", "trust_remote_code: false")
    assert desk.call("undo", "--work", desk.work).code == 0
    assert config.read_text() == mine

    mine = generated.replace("trust_remote_code: true", "trust_remote_code: maybe")
    config.write_text(mine)
    answer = desk.new_model(nova, "--json")
    assert (answer.code, answer.document["conflicts"]) == (1, [str(config)])
    assert f"{config}: what you edited and what is generated now contradict" in answer.stderr
    marked = config.read_text()
    assert all(line in marked for line in ("<<<<<<< as edited\n", "maybe\n", ">>>>>>> as generated now\n"))
    assert desk.new_model(nova, "--force").code == 0
    assert config.read_text() == generated.replace("trust_remote_code: true", "trust_remote_code: false")


def test_a_worker_patch_is_three_edits(desk: Desk, nova: Path) -> None:
    before = snapshot(desk.delivery)
    answer = desk.new_model(nova, "--patch", PATCHED, "--json")
    assert answer.code == 0, answer.stderr
    patch = desk.delivery / "vllm_ascend" / "patch"
    changed = {path for path, state in snapshot(patch).items() if before.get(path) != state}
    assert changed == {str(patch / name) for name in ("__init__.py", "worker/__init__.py", "worker/patch_nova.py")}
    old = (before[str(patch / "worker/__init__.py")][1] or b"").decode().splitlines()
    new = (patch / "worker" / "__init__.py").read_text().splitlines()
    assert [line for line in new if line not in old] == ["import vllm_ascend.patch.worker.patch_nova  # noqa"]
    compile((patch / "worker" / "patch_nova.py").read_text(), "patch_nova.py", "exec")


def test_a_text_model_has_no_processor_stub_and_the_output_says_why(desk: Desk, nova: Path) -> None:
    answer = desk.new_model(nova)
    assert "no processor stub: the checkpoint has no vision config and no image processor files" in answer.stdout
    assert not list(desk.vllm.rglob("processors/*.py"))


def test_a_model_with_vision_files_has_one(desk: Desk, nova: Path) -> None:
    (nova / "preprocessor_config.json").write_text('{"image_processor_type": "NovaImages"}')
    answer = desk.new_model(nova, "--json")
    assert answer.code == 0, answer.stderr
    (stub,) = desk.vllm.rglob("processors/nova.py")
    for said in ("preprocessor_config.json", "NovaImages", "NotImplementedError"):
        assert said in stub.read_text()
    assert any("is a stub" in note for note in answer.document["notes"])
    config = (desk.delivery / "tests/e2e/models/configs/nova.yaml").read_text()
    assert 'model_type: "vllm-vlm"' in config


def test_a_processor_that_is_there_is_not_written(desk: Desk, nova: Path) -> None:
    processor = {"processor_class": "Own", "auto_map": {"AutoProcessor": "processing_own.Own"}}
    (nova / "preprocessor_config.json").write_text(json.dumps(processor))
    answer = desk.new_model(nova, "--dry-run", "--json")
    assert answer.code == 0, answer.stderr
    notes = answer.document["notes"]
    assert "no processor stub: the checkpoint's own code has Own, which takes --trust-remote-code" in notes
    assert not [file for file in answer.document["files"] if "processors/" in str(file)]


def test_a_form_that_nobody_knows_is_a_hole_with_its_lines(desk: Desk, nova: Path) -> None:
    source = nova / "modeling_nova.py"
    text = source.read_text()
    source.write_text(text.replace("up * self.act(gate)", "up * self.act(gate).softmax(-1)"))
    answer = desk.new_model(nova, "--json")
    (hole,) = answer.document["holes"]
    assert "modeling_nova.py:" in hole["evidence"]
    assert answer.document["strategy"] == "transformers"
    native = desk.new_model(nova, "--strategy", "native")
    assert native.code == 1
    assert "modeling_nova.py:" in native.stderr


def test_commit_without_evidence_is_refused(desk: Desk, nova: Path) -> None:
    desk.new_model(nova)
    answer = desk.call("commit", nova, "--work", desk.work)
    assert answer.code == 1
    assert "stage real has not been run" in answer.stderr
    log = subprocess.run(["git", "log", "--oneline"], cwd=desk.delivery, capture_output=True, text=True, check=True)
    assert len(log.stdout.splitlines()) == 1


def test_settings_name_the_roots(desk: Desk, nova: Path) -> None:
    (desk.work / "scaffold.toml").write_text(
        f"vllm = {json.dumps(str(desk.vllm))}\ndelivery = {json.dumps(str(desk.delivery))}\n"
    )
    answer = desk.call("new-model", nova, "--dry-run", "--json")
    assert answer.code == 0, answer.stderr
    assert answer.document["strategy"] == "native"
