"""``--placement``: a plugin package that registers the model, or vllm-ascend's own models."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Desk
from tests.copies import copy_file, copy_tree
from tests.snapshots import snapshot

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VLLM = """
class ModelRegistry:
    @staticmethod
    def register_model(architecture, target):
        print(architecture, target)
"""
TRANSFORMERS = """
class PretrainedConfig:
    pass


class AutoConfig:
    @staticmethod
    def register(model_type, config, exist_ok):
        print(model_type, config.model_type, config.__module__)
"""


@pytest.fixture
def plugin(desk: Desk, nova: Path) -> Path:
    """A plugin of the made-up model."""
    answer = desk.call("new-model", nova, *plugin_words(desk), "--vllm", desk.vllm)
    assert answer.code == 0, answer.stderr
    return desk.root / "plugin"


def plugin_words(desk: Desk) -> tuple[str | Path, ...]:
    return ("--strategy", "native", "--placement", "plugin", "--output", desk.root / "plugin", "--work", desk.work)


def test_a_plugin_is_a_package_with_an_entry_point_that_registers(desk: Desk, plugin: Path) -> None:
    names = {str(path.relative_to(plugin)) for path in plugin.rglob("*") if path.is_file()}
    package = "src/vllm_nova"
    modules = {f"{package}/{name}.py" for name in ("__init__", "nova", "configuration_nova")}
    assert names == {"pyproject.toml", "README.md", *modules}
    project = tomllib.loads((plugin / "pyproject.toml").read_text())["project"]
    ((name, target),) = project["entry-points"]["vllm.general_plugins"].items()
    assert (project["name"], name, target) == ("vllm-nova", "vllm_nova", "vllm_nova:register")
    fake = desk.root / "fake" / "vllm"
    fake.mkdir(parents=True)
    (fake / "__init__.py").write_text(VLLM)
    (fake.parent / "transformers.py").write_text(TRANSFORMERS)
    code = (
        f"import sys; sys.path[:0] = {[str(plugin / 'src'), str(fake.parent)]}; import vllm_nova; vllm_nova.register()"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    config, model = said.splitlines()
    assert config == "nova nova vllm_nova.configuration_nova"
    assert model == "NovaForCausalLM vllm_nova.nova:NovaForCausalLM"


def test_a_plugin_imports_nothing_relative(plugin: Path) -> None:
    tree = ast.parse((plugin / "src/vllm_nova/nova.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not [node for node in imports if node.level]
    assert "vllm.model_executor.models.utils" in {node.module for node in imports}


def test_a_config_class_of_the_checkpoints_own_code_is_not_imported(plugin: Path) -> None:
    tree = ast.parse((plugin / "src/vllm_nova/nova.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "transformers"]
    assert [alias.name for node in imports for alias in node.names] == ["PretrainedConfig"]


def test_a_plugin_leaves_every_tree_alone(desk: Desk, nova: Path) -> None:
    before = snapshot(desk.vllm, desk.delivery)
    answer = desk.call("new-model", nova, *plugin_words(desk), "--vllm", desk.vllm, "--json")
    assert answer.code == 0, answer.stderr
    assert snapshot(desk.vllm, desk.delivery) == before
    document = answer.document
    assert (document["strategy"], document["placement"], document["holes"]) == ("native", "plugin", [])
    assert document["architecture"] == "NovaForCausalLM"
    assert any("native" in reason for reason in document["why"])
    assert document["weights"] == {"tensors": 39, "routed": 39, "ignored": 0, "unrouted": []}
    assert {file["action"] for file in document["files"]} == {"create"}
    assert all(Path(file["path"]).is_file() for file in document["files"])


def test_undo_takes_a_plugin_back(desk: Desk, plugin: Path) -> None:
    assert desk.call("undo", "--work", desk.work).code == 0
    assert not plugin.exists()


def test_a_plugin_that_a_person_edited_stays_and_one_that_it_does_not_know_is_refused(
    desk: Desk, nova: Path, plugin: Path
) -> None:
    adapter = plugin / "src/vllm_nova/nova.py"
    words = (*plugin_words(desk), "--vllm", desk.vllm)
    adapter.write_text(adapter.read_text() + "# mine\n")
    before = snapshot(plugin)
    assert desk.call("new-model", nova, *words).code == 0
    assert snapshot(plugin) == before
    (desk.work / "other").mkdir()
    answer = desk.call("new-model", nova, *words, "--work", desk.work / "other", "--force")  # it knows of no run
    assert answer.code != 0
    assert "one that this tool generated" in answer.stderr
    assert snapshot(plugin) == before


def test_without_any_root_the_environments_own_vllm_is_read(desk: Desk, nova: Path, fake_engine: Path) -> None:
    answer = desk.call("new-model", nova, "--python", fake_engine, "--work", desk.work, "--json")
    assert answer.code == 0, answer.stderr
    assert answer.document["placement"] == "plugin"
    assert (desk.work / "vllm-nova" / "pyproject.toml").is_file()


def test_without_any_vllm_a_plugin_is_refused(desk: Desk, nova: Path) -> None:
    answer = desk.call("new-model", nova, "--work", desk.work)
    assert answer.code == 3
    assert "--python" in answer.stderr


@pytest.mark.parametrize("words", [("--validate",), ("--commit",)])
def test_gates_and_commit_need_a_tree(desk: Desk, nova: Path, words: tuple[str, ...]) -> None:
    answer = desk.call("new-model", nova, *plugin_words(desk), "--vllm", desk.vllm, *words)
    assert answer.code == 2
    assert not (desk.root / "plugin").exists()


def test_an_output_for_a_placement_in_a_tree_is_an_error(desk: Desk, nova: Path) -> None:
    answer = desk.new_model(nova, "--output", desk.root / "plugin")
    assert answer.code == 2
    assert "--output" in answer.stderr


def test_holes_are_listed_and_nothing_is_written(desk: Desk, nova: Path) -> None:
    source = nova / "modeling_nova.py"
    source.write_text(source.read_text().replace("up * self.act(gate)", "up * self.act(gate).softmax(-1)"))
    before = snapshot(desk.root, without="nothing is left out")
    answer = desk.call("new-model", nova, *plugin_words(desk), "--vllm", desk.vllm, "--json")
    assert answer.code == 1
    document = answer.document
    assert document["holes"]
    assert all(hole["what"] and "modeling_nova.py:" in hole["evidence"] for hole in document["holes"])
    assert (document["files"], document["placement"]) == ([], "plugin")
    assert document["weights"]["tensors"] == 39
    assert document["error"]["kind"] == "Refused"
    assert snapshot(desk.root, without="nothing is left out") == before


def test_a_tensor_that_nothing_takes_is_in_the_document(desk: Desk, nova: Path) -> None:
    from safetensors.numpy import load_file, save_file

    shard = next(nova.glob("*-00001-of-*.safetensors"))
    tensors = load_file(shard)
    name = "model.layers.0.self_attn.extra.weight"
    save_file({**tensors, name: next(iter(tensors.values()))}, shard, metadata={"format": "pt"})
    index = nova / "model.safetensors.index.json"
    listed = json.loads(index.read_text())
    listed["weight_map"][name] = shard.name
    index.write_text(json.dumps(listed))
    answer = desk.call("new-model", nova, *plugin_words(desk), "--vllm", desk.vllm, "--json")
    assert answer.code == 1
    assert answer.document["weights"]["unrouted"] == [name]
    assert answer.document["holes"] == []
    assert not (desk.root / "plugin").exists()


def test_vllm_ascend_gets_the_adapter_and_a_registration(desk: Desk, nova: Path, ascend_source: Path) -> None:
    models = desk.delivery / "vllm_ascend" / "models"
    models.mkdir(parents=True)
    copy_file(ascend_source / "vllm_ascend/models/__init__.py", models / "__init__.py")
    before = snapshot(desk.vllm)
    listed = (models / "__init__.py").read_text().splitlines()
    answer = desk.new_model(nova, "--placement", "vllm-ascend", "--json")
    assert answer.code == 0, answer.stderr
    assert snapshot(desk.vllm) == before
    after = (models / "__init__.py").read_text().splitlines()
    added = [line for line in after if line not in listed]
    assert added == [
        '    ModelRegistry.register_model("NovaForCausalLM", "vllm_ascend.models.nova:NovaForCausalLM")',
        "    from transformers import AutoConfig",
        "    from vllm_ascend.models.configuration_nova import NovaConfig",
        '    AutoConfig.register("nova", NovaConfig, exist_ok=True)',
    ]
    assert not [n for n in ast.walk(ast.parse((models / "nova.py").read_text())) if getattr(n, "level", 0)]


def test_a_vllm_ascend_without_models_of_its_own_gets_them_with_what_calls_them(desk: Desk, nova: Path) -> None:
    hooks, setup = desk.delivery / "vllm_ascend/__init__.py", desk.delivery / "setup.py"
    hooks.write_text("# Licence.\n\n\ndef register():\n    return 'trees'\n")
    setup.write_text(
        'setup(\n    entry_points={\n        "vllm.general_plugins": [\n            "a = b:c"\n        ],\n    },\n)\n'
    )
    answer = desk.new_model(nova, "--placement", "vllm-ascend", "--json")
    assert answer.code == 0, answer.stderr
    models = (desk.delivery / "vllm_ascend/models/__init__.py").read_text()
    assert models.startswith("# Licence.\n\nfrom vllm import ModelRegistry\n\n\ndef register_model():\n")
    assert 'ModelRegistry.register_model("NovaForCausalLM", "vllm_ascend.models.nova:NovaForCausalLM")' in models
    assert "from .models import register_model" in hooks.read_text()
    assert '            "a = b:c",\n            "ascend_model = vllm_ascend:register_model",\n' in setup.read_text()


def test_a_tree_that_has_no_place_for_a_registration_is_refused(desk: Desk, nova: Path) -> None:
    answer = desk.new_model(nova, "--placement", "vllm-ascend")
    assert answer.code != 0
    assert "vllm_ascend/__init__.py" in answer.stderr


def test_an_import_that_the_tree_lacks_is_a_refusal(desk: Desk, nova: Path) -> None:
    layers = desk.vllm / "vllm/model_executor/layers"
    source = layers.resolve()
    layers.unlink()
    copy_tree(source, layers, ignore=lambda folder, names: [n for n in names if n == "layernorm.py"])
    before = snapshot(desk.vllm, desk.delivery)
    answer = desk.new_model(nova, "--json")
    assert answer.code == 1
    assert "vllm.model_executor.layers.layernorm" in answer.document["error"]["found"]
    assert snapshot(desk.vllm, desk.delivery) == before
