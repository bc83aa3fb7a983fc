"""Tensors under other beginnings of names: the class is proved with a mapper in front."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scaffold.strategy import mapped, supported, transformers_backend
from scaffold.strategy.decide import NoStrategy, decide
from scaffold.strategy.renaming import apply
from tests.models.families import shapes_of, write
from tests.sampled import sampled
from tests.strategy.trusted import asked, question_of


@pytest.mark.parametrize(
    ("family", "old", "new", "expected"),
    sampled([
        ("qwen3", r"^model\.", "model.language_model.", (("model.language_model.", "model."),)),
        (
            "qwen3", r"^(model\.)?", "model.language_model.",
            (("model.language_model.lm_head.", "lm_head."), ("model.language_model.", "model.")),
        ),
        ("qwen3", r"^", "language_model.", (("language_model.lm_head.", "lm_head."),
                                            ("language_model.model.", "model."))),
        ("mixtral", r"^model\.", "transformer.", (("transformer.", "model."),)),
        (
            "llama", r"^model\.", "",
            (("layers.", "model.layers."), ("embed_tokens.", "model.embed_tokens."), ("norm.", "model.norm.")),
        ),
    ], every=3),
)  # fmt: skip
def test_moved_modules_are_found_and_the_class_is_proved(
    tmp_path: Path, family: str, old: str, new: str, expected: tuple[tuple[str, str], ...]
) -> None:
    published = shapes_of(family)
    shapes = {re.sub(old, new, name, count=1): shape for name, shape in published.items()}
    decision = decide(asked(tmp_path, family, shapes=shapes))
    assert decision.strategy.name == "mapped"
    answer = decision.answers[-1][1]
    assert answer.renames == expected
    assert [apply(answer.renames, name) for name in shapes] == list(published)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"mlp\.gate_proj", "mlp.up"),  # what is gate and what is up cannot be told from shapes
        (r"^model\.layers\.1\.", "model.blocks.1."),
        (r"self_attn\.q_proj", "self_attn.query"),
    ],
)
def test_names_of_modules_themselves_are_not_guessed(tmp_path: Path, old: str, new: str) -> None:
    shapes = {re.sub(old, new, name): shape for name, shape in shapes_of("llama").items()}
    with pytest.raises(NoStrategy, match="no other beginnings of names make the tensors fit"):
        decide(asked(tmp_path, "llama", shapes=shapes))


def test_a_fault_is_not_hidden_by_a_mapper(tmp_path: Path) -> None:
    shapes = {name.removeprefix("model."): shape for name, shape in shapes_of("llama").items()}
    shapes["layers.1.mlp.up_proj.weight"] = (255, 128)
    with pytest.raises(NoStrategy):
        decide(asked(tmp_path, "llama", shapes=shapes))


@pytest.mark.parametrize(("new", "holds"), [("model.", True), ("", True), ("module.model.", False), ("base.", False)])
def test_the_backend_finds_the_sources_own_names_and_the_decoders_alone(tmp_path: Path, new: str, holds: bool) -> None:
    shapes = {re.sub(r"^model\.", new, name): shape for name, shape in shapes_of("llama").items()}
    answer = transformers_backend.holds(asked(tmp_path, "llama", shapes=shapes))
    assert answer.holds is holds
    assert holds or 'names begin with "' in answer.reason


@pytest.mark.parametrize("found", [True, False])
def test_names_are_told_where_no_class_is_registered_too_if_all_else_fits(tmp_path: Path, found: bool) -> None:
    """The twin is served under these names; what has a fault besides is not told to be a matter of names."""
    shapes = {name.replace("model.", "base.", 1): shape for name, shape in shapes_of("llama").items()}
    right = shapes["base.layers.1.mlp.up_proj.weight"]
    shapes["base.layers.1.mlp.up_proj.weight"] = right if found else (right[0] - 1, right[1])
    answer = mapped.holds(replace(asked(tmp_path, "llama", shapes=shapes), registry={}))
    assert not answer.holds
    assert answer.renames == ((("base.", "model."),) if found else ())


def test_a_parameter_that_no_tensor_fills_is_named_as_the_class_has_it(tmp_path: Path) -> None:
    shapes = {name: shape for name, shape in shapes_of("llama").items() if name != "model.norm.weight"}
    assert (
        "nothing fills model.norm.weight of LlamaForCausalLM"
        in supported.holds(asked(tmp_path, "llama", shapes=shapes)).reason
    )


def test_a_beginning_moves_with_all_that_is_below_it(tmp_path: Path) -> None:
    """A GPT-2 has positions beside its embeddings, layers and last norm."""
    config = {
        "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": 128, "n_head": 4, "n_layer": 2,
        "n_positions": 256, "vocab_size": 512, "tie_word_embeddings": True,
    }  # fmt: skip
    at = "transformer.h.{}."
    layer = {
        "ln_1": {"weight": (128,), "bias": (128,)}, "ln_2": {"weight": (128,), "bias": (128,)},
        "attn.c_attn": {"weight": (128, 384), "bias": (384,)}, "attn.c_proj": {"weight": (128, 128), "bias": (128,)},
        "mlp.c_fc": {"weight": (128, 512), "bias": (512,)}, "mlp.c_proj": {"weight": (512, 128), "bias": (128,)},
    }  # fmt: skip
    shapes = {
        f"{at.format(n)}{name}.{leaf}": shape
        for n in (0, 1)
        for name, of in layer.items()
        for leaf, shape in of.items()
    }
    shapes |= {"transformer.wte.weight": (512, 128), "transformer.wpe.weight": (256, 128)}
    shapes |= {"transformer.ln_f.weight": (128,), "transformer.ln_f.bias": (128,)}
    decision = decide(question_of(write(tmp_path, config, {f"module.{name}": s for name, s in shapes.items()})))
    assert decision.strategy.name == "mapped"
    assert decision.renames == (("module.transformer.", "transformer."),)


@pytest.mark.parametrize(
    ("more", "holds"), [({}, False), ({"auto_map": {"AutoModelForCausalLM": "modeling_nova.NovaForCausalLM"}}, True)]
)
def test_the_backend_needs_a_class_of_the_architectures_name(tmp_path: Path, more: dict[str, Any], holds: bool) -> None:
    question = asked(tmp_path, "llama", {"architectures": ["NovaForCausalLM"], **more})
    answer = transformers_backend.holds(question)
    assert answer.holds is holds, answer.reason
    assert holds or "transformers has no class NovaForCausalLM" in answer.reason
