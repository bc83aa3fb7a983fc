"""The method of a config's quantisation, and those that the target's vLLM knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.common.errors import CheckFailed
from scaffold.placement.plugin import PLUGIN
from scaffold.planning.plan import make_plan
from scaffold.planning.read import read
from scaffold.planning.refusal import NotPlanned
from scaffold.planning.request import Request
from scaffold.roots.ascend_quantization import PLATFORM
from scaffold.strategy.quantised import check_method, method_notes
from tests.checkpoint.made import checkpoint
from tests.disagreements.llama import CONFIG, HIDDEN, Tensors, tensors
from tests.lab.engine import engine
from tests.rows import each
from tests.strategy.trusted import tree

UNKNOWN = ("aqlm", "vptq", "bitsandbytes", "somebodys", "marlin", "intel/auto-round")
KNOWN = ("awq", "AWQ", "fp8", "compressed_tensors", "auto-round", "ascend", "", None)


def given(folder: Path, method: str | None, held: Tensors | None = None) -> Checkpoint:
    described = {"quantization_config": {"quant_method": method, "bits": 4}}
    return read_checkpoint(checkpoint(folder, held or tensors(), **{**CONFIG, **described}))


@each("method", UNKNOWN)
def test_a_method_that_vllm_does_not_know_is_named_with_those_that_it_knows(
    method: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(CheckFailed) as refused:
        check_method(given(tmp_path_factory.mktemp("unknown"), method), tree().root)
    assert refused.value.found.startswith(f"the weights are quantised by '{method}', and this vLLM has no such method")
    assert "compressed-tensors" in refused.value.found
    assert "quantization_config" in str(refused.value.where)


@each("method", KNOWN)
def test_a_method_that_it_knows_is_none(method: str | None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """In each spelling that it reads, and by a class that takes another word than its own."""
    check_method(given(tmp_path_factory.mktemp("known"), method), tree().root)


@each(("method", "is_there"), (("gptq", False), ("compressed-tensors", True), ("fp8", True), (None, True)))
def test_a_method_that_the_npus_do_not_have_is_named_with_the_tree_s_own_list(
    method: str | None, is_there: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """fp8 is dequantised by an adapter where the tree lacks it."""
    folder = tmp_path_factory.mktemp("npu")
    (folder / PLATFORM).parent.mkdir()
    (folder / PLATFORM).write_text('class P:\n    supported_quantization = ["ascend", "compressed-tensors"]\n')
    read_from = given(folder / "model", method, with_forms({"qweight": ("I32", (16, HIDDEN))}, without="weight"))
    if is_there:
        check_method(read_from, tree().root, folder)
        return
    with pytest.raises(CheckFailed) as refused:
        check_method(read_from, tree().root, folder)
    assert refused.value.found == (
        f"the weights are quantised by '{method}', which this vllm-ascend does not have for NPUs: it lists ascend, "
        "compressed-tensors"
    )
    check_method(read_from, tree().root)
    check_method(given(folder / "plain", method), tree().root, folder)  # a disagreement, which says what to do
    (read_from.path / "quant_model_description.json").write_text("{}")
    check_method(read_from, tree().root, folder)


def test_a_method_that_is_on_its_way_out_is_a_note(tmp_path: Path) -> None:
    assert "--allow-deprecated-quantization" in method_notes(given(tmp_path, "fbgemm_fp8"), tree().root)[0]
    assert method_notes(given(tmp_path, "fp8"), tree().root) == ()


def planned(folder: Path, held: Tensors, files: Any = None, **config: Any) -> Request:
    return Request(
        checkpoint(folder / "model", held, files, **{**CONFIG, **config}), vllm=engine().pristine, delivery=None,
        placement=PLUGIN.name, output=folder / "plugin", transformers=engine().transformers,
    )  # fmt: skip


def with_forms(forms: dict[str, tuple[str, tuple[int, ...]]], without: str = "") -> Tensors:
    """Put these in the place of each weight of a linear layer."""
    found: Tensors = {}
    for name, form in tensors("F16").items():
        own = name.endswith("_proj.weight")
        found |= {name: form} if not own or not without else {}
        found |= {name.removesuffix("weight") + part: made for part, made in forms.items()} if own else {}
    return found


def test_it_is_said_before_what_the_tensors_lack(tmp_path: Path) -> None:
    held = with_forms({"codes": ("I16", (HIDDEN, 16, 1)), "codebooks": ("F16", (1, 256, 1, 8))}, without="weight")
    with pytest.raises(NotPlanned) as refused:
        make_plan(planned(tmp_path, held, quantization_config={"quant_method": "aqlm"}))
    assert refused.value.found.startswith("the weights are quantised by 'aqlm'")


def test_what_a_model_is_comes_before_its_vocabulary_and_ties(tmp_path: Path) -> None:
    held = {name: form for name, form in tensors().items() if "layers.1." not in name and name != "lm_head.weight"}
    held |= {"model.fc.weight": ("BF16", (HIDDEN, 2 * HIDDEN))}
    with pytest.raises(NotPlanned) as refused:
        make_plan(planned(tmp_path, held, num_hidden_layers=1, vocab_size=500))
    assert refused.value.found.startswith("LlamaForCausalLM drafts tokens for another model, and does not write text")
    assert '"method": "eagle"' in refused.value.remedy
    assert "layers" not in refused.value.where


@pytest.mark.parametrize("described", [{"bits": 4, "group_size": HIDDEN}, {"producer": {"name": "modelopt"}}])
def test_the_method_that_a_config_leaves_out_is_told_by_the_rest(described: dict[str, Any], tmp_path: Path) -> None:
    """vLLM takes a section that names no method for none, and makes plain layers: the server has to be told."""
    packed = {"qweight": ("I32", (16, HIDDEN)), "qzeros": ("I32", (1, 16)), "scales": ("F16", (1, HIDDEN))}
    scaled = {"weight": ("F8_E4M3", (HIDDEN, HIDDEN)), "weight_scale": ("F32", ()), "input_scale": ("F32", ())}
    held = with_forms(scaled if "producer" in described else packed, without="weight")
    request = planned(tmp_path, held, quantization_config=described, intermediate_size=HIDDEN, num_key_value_heads=4)
    subject = read(request)
    (one,) = [one for one in subject.settled.found if one.kind == "quantisation"]
    method = "modelopt" if "producer" in described else "gptq"
    assert (one.silent, one.overrides["quantization_config"]) == (True, {**described, "quant_method": method})
    assert subject.settled.overrides == one.overrides


def test_quantised_weights_that_nothing_describes_are_no_quantised_layers(tmp_path: Path) -> None:
    held = with_forms({"weight_scale": ("F32", (1,))})
    held = {name: ("F8_E4M3" if name.endswith("_proj.weight") else d, shape) for name, (d, shape) in held.items()}
    with pytest.raises(NotPlanned) as refused:
        make_plan(planned(tmp_path, held))
    assert "the config does not say how the weights are quantised" in refused.value.found


def test_the_file_of_an_older_modelopt_names_the_method(tmp_path: Path) -> None:
    held: Tensors = {}
    for name, (dtype, shape) in tensors().items():
        own = name.endswith("_proj.weight")
        held |= {name: ("F8_E4M3" if own else dtype, shape)}
        held |= {f"{name}_scale": ("F32", ()), name.replace("weight", "input_scale"): ("F32", ())} if own else {}
    described = {
        "producer": {"name": "modelopt"},
        "quantization": {"quant_algo": "FP8", "exclude_modules": ["lm_head"]},
    }
    plan = make_plan(planned(tmp_path, held, {"hf_quant_config.json": described}))
    assert plan.decision.strategy.name == "supported"
