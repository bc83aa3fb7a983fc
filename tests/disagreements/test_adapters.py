"""What adapter training leaves in a checkpoint: it is said to be that, in each spelling, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.disagreements.llama import HIDDEN, Tensors, found, tensors

AT = "model.layers.0.self_attn.q_proj"
LEFT = (
    (f"{AT}.lora_A.default.weight", "LoRA"),
    (f"{AT}.lora_B.weight", "LoRA"),
    (f"{AT}.lora_down.weight", "LoRA"),
    (f"base_model.model.{AT}.lora_A.weight", "LoRA"),
    ("model.embed_tokens.lora_embedding_A", "LoRA"),
    (f"{AT}.lora_E.default", "LoRA"),
    (f"{AT}.lora_magnitude_vector.weight", "DoRA"),
    (f"{AT}.dora_scale", "DoRA"),
    (f"{AT}.vera_lambda_b", "VeRA"),
    (f"{AT}.ia3_l", "IA3"),
    (f"{AT}.hada_w1_a", "LoHa or LoKr"),
    (f"{AT}.lokr_w1", "LoHa or LoKr"),
    (f"{AT}.oft_r", "OFT or BOFT"),
    (f"{AT}.base_layer.weight", "PEFT"),
    ("lm_head.modules_to_save.default.weight", "PEFT"),
    ("lm_head.original_module.weight", "PEFT"),
    ("prompt_embeddings", "a prompt"),
)


@pytest.mark.parametrize(("name", "what"), LEFT)
def test_each_spelling_is_told(name: str, what: str, tmp_path: Path) -> None:
    (one,) = found(tmp_path, {**tensors(), name: ("BF16", (8, HIDDEN))})
    assert (one.kind, one.decides, one.answers) == ("adapter", True, ())
    assert f"is what training by {what} left" in str(one)
    assert ("merge the adapter first" in one.remedy) is (what != "a prompt")


def test_it_goes_before_what_follows_of_it(tmp_path: Path) -> None:
    """A head that was trained whole lies under other names, so that there seems to be none."""
    held: Tensors = {name: form for name, form in tensors().items() if name != "lm_head.weight"}
    held["lm_head.modules_to_save.default.weight"] = tensors()["lm_head.weight"]
    assert next(one.kind for one in found(tmp_path, held)) == "adapter"


def test_a_model_that_is_made_with_adapters_has_them(tmp_path: Path) -> None:
    held = {**tensors(), f"{AT}.lora_A.vision.weight": ("BF16", (8, HIDDEN))}
    assert found(tmp_path, held, vision_lora={"r": 256}) == []


@pytest.mark.parametrize("name", ["model.layers.0.self_attn.kv_lora_norm.weight", "model.layers.0.loramax.weight"])
def test_names_that_only_look_alike_are_none(name: str, tmp_path: Path) -> None:
    assert "adapter" not in [one.kind for one in found(tmp_path, {**tensors(), name: ("BF16", (HIDDEN,))})]
