"""vLLM's own model files against real checkpoints, read without running them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.headers import Form, Forms
from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.common.errors import UsageError
from scaffold.vllm_models.adapter import check_adapter
from tests.copies import copy_tree
from tests.lab.checkpoints import checkpoint
from tests.lab.engine import engine

MODELS = "vllm/model_executor/models"
ONE_NUMBER = Form(4, "F32", (1,), "", has_bits=True)
FITTING = {
    "qwen3": "qwen3.py", "gemma2": "gemma2.py", "gpt2": "gpt2.py", "phi3": "phi3.py", "bloom": "bloom.py",
    "mixtral": "mixtral.py", "olmoe": "olmoe.py", "gpt-oss": "gpt_oss.py",
}  # fmt: skip


def check(row: str, file: Path, **changed: Any) -> Any:
    read = read_checkpoint(checkpoint(row))
    return check_adapter(file, replaced(read, **changed), transformers=engine().transformers)


def replaced(read: Checkpoint, drop: str = "", add: str = "") -> Checkpoint:
    forms = {name: form for name, form in read.weights.forms.items() if name != drop}
    return with_forms(read, forms | ({add: ONE_NUMBER} if add else {}))


def with_forms(read: Checkpoint, forms: Forms) -> Checkpoint:
    return replace(read, weights=replace(read.weights, forms=forms))


@pytest.mark.parametrize("row", FITTING)
def test_a_checkpoint_fits_the_file_that_serves_it(vllm_source: Path, row: str) -> None:
    result = check(row, vllm_source / MODELS / FITTING[row])
    assert result.refused == ()
    assert result.empty == ()
    assert result.taken > 0
    transposed = ("c_attn.weight", "c_proj.weight", "c_fc.weight")  # GPT-2's loader turns them over
    assert all("experts" in name or "router" in name or name.endswith(transposed) for name in result.unsure)


def test_the_vision_tower_of_llava_lacks_a_prefix(vllm_source: Path) -> None:
    result = check("llava", vllm_source / MODELS / "llava.py")
    refused = {item.name for item in result.refused}
    assert "vision_tower.embeddings.class_embedding" in refused
    assert all(name.startswith("vision_tower.") for name in refused)
    assert {item.at for item in result.refused} == {
        "vision_tower.embeddings", "vision_tower.encoder", "vision_tower.pre_layrnorm", "vision_tower.post_layernorm",
    }  # fmt: skip
    assert "vision_tower.vision_model.embeddings.class_embedding" in result.empty
    assert "vision_tower.vision_model.encoder.layers.1.self_attn.qkv_proj.weight" in result.empty
    assert all(name.startswith("vision_tower.vision_model.") for name in result.empty)
    assert '"vision_tower." → "vision_tower.vision_model."' in result.suggestion
    assert result.unsure == {}


def test_with_that_prefix_llava_fits(vllm_source: Path, tmp_path: Path) -> None:
    copy_tree(vllm_source / MODELS, tmp_path / MODELS)
    file = tmp_path / MODELS / "llava.py"
    text = file.read_text()
    row = '"model.vision_tower.": "vision_tower.",'
    assert row in text
    file.write_text(text.replace(row, f'{row}\n"vision_tower.": "vision_tower.vision_model.",'))
    result = check("llava", file)
    assert result.fits
    # vLLM builds the tower up to the deepest layer that is used, and its own code drops the layers behind it
    assert {name.rpartition(".layers.")[2].partition(".")[0] for name in result.unsure} == {"2"}
    assert all("code of its own" in why for why in result.unsure.values())


def test_without_transformers_the_kind_of_tower_is_not_guessed(vllm_source: Path) -> None:
    result = check_adapter(vllm_source / MODELS / "llava.py", read_checkpoint(checkpoint("llava")))
    assert not any(name.startswith("language_model") for name in (item.name for item in result.refused))
    assert any("inner model" in why for why in result.unsure.values())


@pytest.mark.parametrize(
    ("changed", "refused", "empty"),
    [
        ({"drop": "model.layers.1.self_attn.k_proj.weight"}, [], ["model.layers.1.self_attn.qkv_proj.weight (k)"]),
        ({"drop": "model.norm.weight"}, [], ["model.norm.weight"]),
        ({"add": "model.layers.0.mlp.gate.weight"}, ["model.layers.0.mlp.gate.weight"], []),
        ({"add": "model.layers.4.mlp.up_proj.weight"}, ["model.layers.4.mlp.up_proj.weight"], []),
        ({"add": "model.layers.0.self_attn.rotary_emb.inv_freq"}, [], []),
        ({"add": "model.layers.0.self_attn.o_proj.bias"}, [], []),
    ],
)
def test_one_tensor_more_or_less(
    vllm_source: Path, changed: dict[str, str], refused: list[str], empty: list[str]
) -> None:
    result = check("qwen3", vllm_source / MODELS / "qwen3.py", **changed)
    assert [item.name for item in result.refused] == refused
    assert list(result.empty) == empty


EXPERTS = {
    f"one.{expert}.{name}_proj.weight": (8, 4) if name == "down" else (4, 8)
    for expert in range(2)
    for name in ("gate", "up", "down")
}
CODE = """
import enum

from torch import nn
from vllm.model_executor.layers.linear import RowParallelLinear
from vllm.model_executor.models.utils import AutoWeightsLoader, maybe_prefix


class Places(enum.Enum):
    FIRST = "first"
    LAST = "last"


class Qwen3ForCausalLM(nn.Module):
    def __init__(self, *, vllm_config, prefix=""):
        super().__init__()
        config = vllm_config.model_config.hf_config
        self.one = RowParallelLinear(1, 1, bias=False)
        {statement}

    def load_weights(self, weights):
        {load}
"""


@pytest.mark.parametrize(
    ("statement", "load", "name", "outcome"),
    [
        ("", "return AutoWeightsLoader(self).load_weights(weights)", "one.weight", "taken"),
        ("", "return AutoWeightsLoader(self).load_weights(weights)", "two.weight", "refused"),
        ("self.two = build_two()", "return AutoWeightsLoader(self).load_weights(weights)", "two.weight", "unknown"),
        ("", "return AutoWeightsLoader(self).load_weights(renamed(weights))", "two.weight", "unknown"),
        ("", "weights = renamed(weights)\n        return AutoWeightsLoader(self).load_weights(weights)", "two.weight",
         "unknown"),
        ("", "for name, tensor in weights:\n            print(name)", "two.weight", "unknown"),
        ("self.two = nn.Linear(1, 1) if config.novel_key else None",
         "return AutoWeightsLoader(self).load_weights(weights)", "two.weight", "unknown"),
        ("self.two = nn.Linear(1, 1) if Places('last') in (Places.FIRST, Places.LAST) else None",
         "return AutoWeightsLoader(self).load_weights(weights)", "two.weight", "taken"),
        ("self.two = nn.Linear(1, 1) if Places('last') == Places.FIRST else None",
         "return AutoWeightsLoader(self).load_weights(weights)", "two.weight", "refused"),
        ("self.two = nn.Linear(1, 1) if Places(config.novel_key) in (Places.FIRST,) else None",
         "return AutoWeightsLoader(self).load_weights(weights)", "two.weight", "unknown"),
        ("self.two = nn.Linear(1, 1) if self.one in (1, 2) else None",
         "return AutoWeightsLoader(self).load_weights(weights)", "two.weight", "unknown"),
        ("", "return AutoWeightsLoader(self, skip_prefixes=['two.']).load_weights(weights)", "two.weight", "left out"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said(tmp_path: Path, statement: str, load: str, name: str, outcome: str) -> None:
    file = tmp_path / "own.py"
    file.write_text(CODE.replace("{statement}", statement or "pass").replace("{load}", load))
    read = read_checkpoint(checkpoint("qwen3"))
    result = check_adapter(file, with_forms(read, {name: ONE_NUMBER}))
    found = {"taken": result.taken, "refused": len(result.refused), "unknown": len(result.unsure)}
    assert {**found, "left out": result.left_out}[outcome] == 1
    assert sum(found.values()) + result.left_out == 1


DIAMOND = """
from torch import nn
from vllm.model_executor.models.utils import AutoWeightsLoader


class Base(nn.Module):
    def __init__(self, *, vllm_config, prefix=""):
        self.one = nn.Linear(1, 1, bias=False)

    def load_weights(self, weights):
        return AutoWeightsLoader(self).load_weights(weights)


class Left(Base):
    pass


class Right(Base):
    def __init__(self, *, vllm_config, prefix=""):
        super().__init__(vllm_config=vllm_config)
        self.two = nn.Linear(1, 1, bias=False)


class Qwen3ForCausalLM(Left, Right):
    pass
"""


def test_bases_are_asked_in_pythons_order(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(DIAMOND)
    read = read_checkpoint(checkpoint("qwen3"))
    assert check_adapter(file, with_forms(read, {"one.weight": ONE_NUMBER, "two.weight": ONE_NUMBER})).fits


@pytest.mark.parametrize(
    "value",
    ["'x' * 10**10", "10**10**10", "'%300000000d' % 1", "list(range(10**10))", "str([[0] * 1000] * 10**6)"],
)
def test_a_file_cannot_take_memory_without_bound(tmp_path: Path, value: str) -> None:
    file = tmp_path / "own.py"
    load = "return AutoWeightsLoader(self).load_weights(weights)"
    file.write_text(CODE.replace("{statement}", f"self.two = {value}").replace("{load}", load))
    result = check_adapter(file, with_forms(read_checkpoint(checkpoint("qwen3")), {"one.weight": ONE_NUMBER}))
    assert result.taken == 1


def test_the_file_is_not_run(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    mark = tmp_path / "it-ran"
    file.write_text(
        f"open({str(mark)!r}, 'w')\nclass Qwen3ForCausalLM:\n    def __init__(self, vllm_config, prefix): 0\n"
    )
    check_adapter(file, read_checkpoint(checkpoint("qwen3")))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("text", "found"), [("class Other: ...", "no class for Qwen3ForCausalLM"), ("class (", "read")]
)
def test_a_file_that_does_not_suit_is_an_error(tmp_path: Path, text: str, found: str) -> None:
    file = tmp_path / "own.py"
    file.write_text(text)
    with pytest.raises(UsageError, match=found):
        check_adapter(file, read_checkpoint(checkpoint("qwen3")))


@pytest.mark.parametrize(
    ("layer", "shapes", "outcome"),
    [
        ("RowParallelLinear(config.hidden_size, 4, bias=False)", {"one.weight": (4, 128)}, "fits"),
        ("RowParallelLinear(config.hidden_size, 4, bias=False)", {"one.weight": (128, 4)}, "misshapen"),
        ("RowParallelLinear(config.novel_key, 4, bias=False)", {"one.weight": (4, 9)}, "shape unknown"),
        ("RowParallelLinear(config.novel_key, 4, bias=False)", {"one.weight": (5, 9)}, "misshapen"),
        ("RowParallelLinear(8, 4, bias=False, quant_config=vllm_config.own)", {"one.qweight": (3, 3)}, "shape unknown"),
        ("nn.Embedding(6, 8)", {"one.weight": (6, 8)}, "fits"),
        ("nn.Embedding(6, 8)", {"one.weight": (8, 8)}, "misshapen"),
        ("nn.LayerNorm(8)", {"one.weight": (8,), "one.bias": (8,)}, "fits"),
        ("nn.LayerNorm(8)", {"one.weight": (8,), "one.bias": (7,)}, "misshapen"),
        ("FusedMoE(2, 1, 8, 4)", EXPERTS, "fits"),
        ("FusedMoE(num_experts=2, top_k=1, hidden_size=8, intermediate_size=4)", EXPERTS, "fits"),
        ("FusedMoE(2, 1, 8, 4, quant_config=vllm_config.own)", EXPERTS, "fits"),
        ("FusedMoE(3, 1, 8, 4)", EXPERTS, "empty"),
        ("FusedMoE(1, 1, 8, 4)", EXPERTS, "refused"),
        ("FusedMoE(2, 1, 4, 8)", EXPERTS, "misshapen"),
        ("FusedMoE(2, 1, 8, 4, ckpt_names=('w1', 'w2', 'w3'))", EXPERTS, "refused"),
        ("FusedMoE(2, 1, 8, 4)", {"one.gate_up_proj": (2, 8, 8), "one.down_proj": (2, 8, 4)}, "fits"),
        ("FusedMoE(2, 1, 8, 4)", {"one.gate_up_proj": (2, 8, 8), "one.down_proj": (2, 4, 8)}, "misshapen"),
    ],
)  # fmt: skip
def test_shapes_are_those_that_the_layers_ask_for(
    tmp_path: Path, layer: str, shapes: dict[str, tuple[int, ...]], outcome: str
) -> None:
    file = tmp_path / "own.py"
    load = "return AutoWeightsLoader(self).load_weights(weights)"
    text = CODE.replace("RowParallelLinear(1, 1, bias=False)", layer).replace("{statement}", "pass")
    file.write_text(text.replace("{load}", load))
    read = read_checkpoint(checkpoint("qwen3"))
    named = {name.replace("one.", "one.experts.") if "FusedMoE" in layer else name: s for name, s in shapes.items()}
    if "FusedMoE" in layer:
        file.write_text(
            file.read_text().replace("self.one =", "self.one = nn.ModuleDict({'experts':").replace(layer, f"{layer}}})")
        )
    result = check_adapter(file, with_forms(read, {n: Form(8, "BF16", s, "", has_bits=True) for n, s in named.items()}))
    found = {
        "misshapen": result.misshapen, "refused": result.refused, "shape unknown": result.shapes_unsure,
        "empty": result.empty,
    }  # fmt: skip
    assert result.fits is (outcome in ("fits", "shape unknown"))
    assert (not any(found.values())) if outcome == "fits" else found[outcome]


def test_a_tensor_may_fill_several_parts_of_a_parameter(tmp_path: Path) -> None:
    """Such as ``in_proj_qkv`` of Qwen3.5, which is three of the four parts of ``in_proj_qkvz``."""
    file = tmp_path / "own.py"
    layer = "MergedColumnParallelLinear(8, [2, 2, 2, 3], bias=False)"
    mapper = "WeightsMapper(orig_to_new_stacked={'qkv': ('one', (0, 1, 2)), 'z': ('one', 3)})"
    load = f"return AutoWeightsLoader(self).load_weights(weights, mapper={mapper})"
    text = CODE.replace("RowParallelLinear(1, 1, bias=False)", layer).replace("{statement}", "pass")
    file.write_text(text.replace("{load}", load))
    read = read_checkpoint(checkpoint("qwen3"))
    shapes = {"qkv.weight": (6, 8), "z.weight": (3, 8)}
    result = check_adapter(
        file, with_forms(read, {n: Form(8, "BF16", s, "", has_bits=True) for n, s in shapes.items()})
    )
    assert result.fits
    assert result.taken == 2


BRINGS = """
from torch import nn
from vllm.model_executor.models.utils import AutoWeightsLoader


class Part(nn.Module):
    def __init__(self):
        self.inner = nn.Linear(1, 1, bias=True)


class Qwen3ForCausalLM(nn.Module):
    def __init__(self, *, vllm_config, prefix=""):
        self.one = nn.Linear(1, 1, bias=True)
        self.part = Part()

    def _of_class(self, weights):
        return (pair for pair in weights)

    def load_weights(self, weights):
        def inside(weights):
            for name, tensor in weights:
                yield name.strip(), tensor

        {load}


def with_zeros(weights, ending):
    for name, tensor in weights:
        yield name, tensor
        if name.endswith(ending):
            yield name[:-6] + "bias", tensor


def with_zeros_after(weights):
    found = []
    for name, tensor in weights:
        found.append(name)
        yield name, tensor
    for name in found:
        yield name + "x", 0


def either(weights, is_new=False):
    if not is_new:
        yield from weights
        return
    for name, tensor in weights:
        if name.startswith("x"):
            yield "y", tensor
            continue
        if name.startswith("z"):
            for index in range(2):
                yield str(index), tensor
        else:
            yield name, tensor


def handed(weights):
    return either(iter(weights), is_new=True)
"""
HAND_ON = "return AutoWeightsLoader(self).load_weights({weights})"


@pytest.mark.parametrize(
    ("weights", "brings"),
    [
        ("weights", False),
        ("inside(weights)", False),
        ("either(weights)", False),
        ("handed(weights)", False),
        ("self._of_class(weights)", False),
        ("((name, tensor) for name, tensor in weights if name)", False),
        ("map(str, weights)", False),
        ("with_zeros(weights, '.weight')", True),
        ("with_zeros_after(weights)", True),
        ("handed(with_zeros_after(weights))", True),
        ("from_elsewhere(weights)", True),
        ("weights.items()", True),
        ("either(weights, is_new=weights)", True),
        ("[*weights, ('one.bias', 0)]", True),
    ],
)
@pytest.mark.parametrize("first", ["", "weights = "])
def test_what_a_loader_may_bring_itself_is_not_said_to_stay_empty(
    tmp_path: Path, weights: str, brings: bool, first: str
) -> None:
    file = tmp_path / "own.py"
    load = HAND_ON.format(weights="weights" if first else weights)
    file.write_text(BRINGS.replace("{load}", f"{first}{weights}\n        {load}" if first else load))
    filled = dict.fromkeys(("one.weight", "part.inner.weight"), ONE_NUMBER)
    result = check_adapter(file, with_forms(read_checkpoint(checkpoint("qwen3")), filled))
    told = result.brought if brings else dict.fromkeys(result.empty)
    assert list(told) == ["one.bias", "part.inner.bias"]
    assert bool(result.empty) is not brings
    assert result.fits is brings
    if brings:
        assert "own.py:" in result.brought["one.bias"]
