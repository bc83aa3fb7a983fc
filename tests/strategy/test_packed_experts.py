"""Experts that lie in one packed tensor, as gpt-oss was published: blocks of four-bit numbers and their scales."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.strategy import supported
from scaffold.vllm_models.experts import Experts
from tests.models.families import Shapes, write
from tests.rows import each
from tests.sampled import costly, sampled
from tests.strategy.trusted import question_of

HIDDEN, INNER, EXPERTS, LAYERS = 128, 96, 4, 2
CONFIG: dict[str, Any] = {
    "architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "hidden_size": HIDDEN, "intermediate_size": INNER,
    "num_local_experts": EXPERTS, "num_experts_per_tok": 2, "num_hidden_layers": LAYERS, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 32, "vocab_size": 256, "tie_word_embeddings": False,
    "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn"]},
}  # fmt: skip


def shapes() -> Shapes:
    made: Shapes = dict.fromkeys(("model.embed_tokens.weight", "lm_head.weight"), (256, HIDDEN))
    made["model.norm.weight"] = (HIDDEN,)
    for layer in (f"model.layers.{number}" for number in range(LAYERS)):
        made |= {f"{layer}.{norm}_layernorm.weight": (HIDDEN,) for norm in ("input", "post_attention")}
        for name, rows in (("q", 128), ("k", 64), ("v", 64)):
            made |= {f"{layer}.self_attn.{name}_proj.weight": (rows, HIDDEN)}
            made |= {f"{layer}.self_attn.{name}_proj.bias": (rows,)}
        made |= {f"{layer}.self_attn.o_proj.weight": (HIDDEN, 128), f"{layer}.self_attn.o_proj.bias": (HIDDEN,)}
        made |= {f"{layer}.self_attn.sinks": (4,), f"{layer}.mlp.router.bias": (EXPERTS,)}
        made |= {f"{layer}.mlp.router.weight": (EXPERTS, HIDDEN)}
        for name, rows, columns in (("gate_up_proj", 2 * INNER, HIDDEN), ("down_proj", HIDDEN, INNER)):
            packed = f"{layer}.mlp.experts.{name}"
            made |= {f"{packed}_blocks": (EXPERTS, rows, columns // 32, 16), f"{packed}_bias": (EXPERTS, rows)}
            made |= {f"{packed}_scales": (EXPERTS, rows, columns // 32)}
    return made


def answer(folder: Path, held: Shapes) -> Any:
    return supported.holds(question_of(write(folder, CONFIG, held)))


@costly
def test_blocks_fill_the_experts(tmp_path: Path) -> None:
    found = answer(tmp_path, shapes())
    assert found.holds, found.reason


@pytest.mark.parametrize("left_out", sampled(["gate_up_proj_blocks", "down_proj_blocks"], every=2))
def test_scales_and_biases_alone_do_not(tmp_path: Path, left_out: str) -> None:
    found = answer(tmp_path, {name: shape for name, shape in shapes().items() if not name.endswith(left_out)})
    assert not found.holds
    assert "nothing fills model.layers.*.mlp.experts" in found.reason


@each(
    ("rest", "shards"),
    [
        ("gate_up_proj_blocks", ("w1", "w3")), ("down_proj_blocks", ("w2",)), ("down_proj.weight_packed", ("w2",)),
        ("gate_up_proj_scales", ()), ("down_proj_bias", ()), ("down_proj.weight_scale_inv", ()),
    ],
)  # fmt: skip
def test_what_a_packed_tensor_of_all_experts_fills(rest: str, shards: tuple[str, ...]) -> None:
    taken = Experts(quantised="a method").take(rest)
    assert taken is not None
    assert (taken.shards, taken.every) == (shards, True)
    assert Experts(quantised="a method").take("router_blocks") is None
