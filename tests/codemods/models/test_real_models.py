"""Edits of models on the files of the real tree."""

import ast
import shutil
import subprocess
import sys

import pytest

from codemods import Refusal, find_codemod, run

MODELS = "vllm.model_executor.models"
TOWER = {
    "module": f"{MODELS}.llava",
    "class_name": "LlavaForConditionalGeneration",
    "rule": "regex",
    "old": r"^(model\.)?vision_tower\.(?!vision_model\.)",
    "new": "vision_tower.vision_model.",
}


def edited(tree, name, **arguments):
    """Return the file before and after."""
    file = tree / (arguments["module"].replace(".", "/") + ".py")
    before = file.read_text()
    return before, find_codemod(name).run(before, arguments)


def is_laid_out(tree, tmp_path, text):
    """Whether the tree's own formatter and import rules leave a file as it is."""
    shutil.copy(tree / "pyproject.toml", tmp_path)
    (tmp_path / "vllm").mkdir(exist_ok=True)  # which says what its own imports are
    (tmp_path / "vllm/__init__.py").touch()
    (tmp_path / "vllm/model.py").write_text(text)
    ruff = [sys.executable, "-m", "ruff"]
    checks = (["format", "--check"], ["check", "--select", "I,F401,F821"])
    done = [subprocess.run([*ruff, *c, "vllm/model.py"], cwd=tmp_path, capture_output=True) for c in checks]
    return [one.returncode for one in done] == [0, 0]


def test_a_rule_for_the_names_of_a_newer_transformers_is_one_command(vllm_source, tmp_path):
    before, after = edited(vllm_source, "map-weights", **TOWER)
    assert is_laid_out(vllm_source, tmp_path, after)
    removed = [line for line in before.splitlines() if line not in after.splitlines()]
    assert removed == []
    assert find_codemod("map-weights").run(after, TOWER) == after


def test_the_mapper_of_another_models_class_is_not_hidden_under_whichever_name_it_is_a_base(vllm_source):
    arguments = {"module": f"{MODELS}.mistral", "class_name": "MistralForCausalLM", "old": "x.", "new": "model."}
    before = (vllm_source / "vllm/model_executor/models/mistral.py").read_text()
    other = "Base = LlamaForCausalLM\n\n\nclass MistralForCausalLM(Base"
    for text in (before, before.replace("class MistralForCausalLM(LlamaForCausalLM", other)):
        with pytest.raises(Refusal, match=r"inherits from LlamaForCausalLM of .*\.llama, which may"):
            find_codemod("map-weights").run(text, arguments)


def test_a_class_without_a_mapper_gets_one_that_its_loader_uses(vllm_source, tmp_path):
    arguments = {"module": f"{MODELS}.mistral", "class_name": "MistralForCausalLM", "old": "x.", "new": "model."}
    before = (vllm_source / "vllm/model_executor/models/mistral.py").read_text()
    own = "KNOWN = LlamaForCausalLM\n\n\nclass MistralForCausalLM(nn.Module"
    after = find_codemod("map-weights").run(before.replace("class MistralForCausalLM(LlamaForCausalLM", own), arguments)
    assert is_laid_out(vllm_source, tmp_path, after)
    call = next(
        node
        for node in ast.walk(ast.parse(after))
        if isinstance(node, ast.Call) and [keyword.arg for keyword in node.keywords] == ["mapper"]
    )
    assert isinstance(call.args[0], ast.GeneratorExp)


@pytest.mark.parametrize("model", ["olmoe:Olmoe", "olmo_hybrid:OlmoHybrid", "molmo:Molmo", "molmo2:Molmo2"])
def test_a_gathered_norm_of_a_real_model_counts_each_head_once(vllm_source, model):
    module, _, name = model.partition(":")
    arguments = {"module": f"{MODELS}.{module}", "class_name": f"{name}Attention"}
    before, after = edited(vllm_source, "local-kv-norm", **arguments)
    assert len(after.splitlines()) - len(before.splitlines()) == 5
    ast.parse(after)


def test_a_norm_that_is_sharded_already_is_refused(vllm_source):
    with pytest.raises(Refusal, match="no method gathers"):
        edited(vllm_source, "local-kv-norm", module=f"{MODELS}.minimax_m2", class_name="MiniMaxM2Attention")


def test_a_real_model_dequantises_while_it_loads(vllm_source, tmp_path):
    arguments = {"module": f"{MODELS}.minimax_m2", "class_name": "MiniMaxM2ForCausalLM", "block": "128x128"}
    before, after = edited(vllm_source, "fp8-dequant-on-load", **arguments)
    assert is_laid_out(vllm_source, tmp_path, after)
    assert set(before.splitlines()) <= set(after.splitlines())


@pytest.mark.engine  # seven seconds: it reads all of transformers
def test_symbols_of_the_transformers_that_runs_need_nothing_but_its_imports(transformers_source, tmp_path):
    arguments = {
        "module": "parts",
        "names": "HeliumRMSNorm,HeliumAttention",
        "source": "transformers.models.helium.modeling_helium",
        "transformers": str(transformers_source.parent),
        "installed": str(transformers_source.parent),
    }
    text = run("vendor-symbols", tmp_path, dry_run=True, **arguments).changes.changes[0].after.decode()
    defined = {node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    assert {"HeliumRMSNorm", "HeliumAttention", "repeat_kv", "rotate_half"} <= defined
    assert "HeliumMLP" not in defined
    assert "Licensed under the Apache License" in text
    assert "written differently" not in text
    assert not any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(ast.parse(text)))
    (tmp_path / "parts.py").write_text(text)
    ruff = subprocess.run([sys.executable, "-m", "ruff", "check", "--select", "F", "--isolated", tmp_path / "parts.py"])
    assert ruff.returncode == 0
