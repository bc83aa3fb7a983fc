"""An implementation that vLLM has is believed when it is proved: names, shapes, and what the model computes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.feed_forwards.experts.spec import ExpertsSpec, RouterSpec
from scaffold.reading.of_checkpoint import read_model_of
from scaffold.spec.values import Value
from scaffold.strategy import supported
from scaffold.strategy.decide import NoStrategy, decide
from scaffold.strategy.gate import prove_files
from scaffold.strategy.protocol import Question
from tests.lab.checkpoints import checkpoint as lab_checkpoint
from tests.lab.engine import engine
from tests.models.families import CONFIGS, SIZES, Shapes, config_of, shapes_of, write
from tests.sampled import sampled
from tests.strategy.trusted import asked, tree

DENSE = ("llama", "qwen2", "qwen3", "granite")
EXPERTS = ("mixtral", "qwen3_moe")


@pytest.mark.parametrize("family", sampled(sorted(CONFIGS), every=3))
def test_what_is_as_published_is_supported_and_nothing_is_left_open(tmp_path: Path, family: str) -> None:
    decision = decide(asked(tmp_path, family))
    assert (decision.strategy.name, decision.notes, decision.unproved) == ("supported", (), ())
    assert decision.entry is not None
    assert decision.entry.architecture == CONFIGS[family]["architectures"][0]


# Twelve faults in names and shapes


def renamed(old: str, new: str) -> Callable[[Shapes], Shapes]:
    def fault(shapes: Shapes) -> Shapes:
        changed = {name.replace(old, new): shape for name, shape in shapes.items()}
        assert changed.keys() != shapes.keys()
        return changed

    return fault


def without(pattern: str) -> Callable[[Shapes], Shapes]:
    def fault(shapes: Shapes) -> Shapes:
        kept = {name: shape for name, shape in shapes.items() if not re.search(pattern, name)}
        assert len(kept) < len(shapes)
        return kept

    return fault


def more(**found: tuple[int, ...]) -> Callable[[Shapes], Shapes]:
    return lambda shapes: shapes | {name.replace("__", "."): shape for name, shape in found.items()}


def shaped(pattern: str, change: Callable[[tuple[int, ...]], tuple[int, ...]]) -> Callable[[Shapes], Shapes]:
    def fault(shapes: Shapes) -> Shapes:
        changed = {name: change(shape) if re.search(pattern, name) else shape for name, shape in shapes.items()}
        assert changed != shapes
        return changed

    return fault


def copied(old: str, new: str) -> Callable[[Shapes], Shapes]:
    return lambda shapes: (
        shapes | {name.replace(old, new, 1): shape for name, shape in shapes.items() if name.startswith(old)}
    )


def swapped(shapes: Shapes) -> Shapes:
    """``gate`` and ``down`` under each other's name."""
    names = {"gate_proj": "down_proj", "down_proj": "gate_proj", "w1": "w2", "w2": "w1"}
    return {re.sub("gate_proj|down_proj|w1|w2", lambda m: names[m[0]], name): s for name, s in shapes.items()}


def doubled(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (2 * shape[0], *shape[1:])


FAULTS: dict[str, tuple[tuple[str, ...], Callable[[Shapes], Shapes]]] = {
    "renamed": ((*DENSE, *EXPERTS), renamed("post_attention_layernorm", "ffn_norm")),
    "missing": ((*DENSE, *EXPERTS), without(r"layers\.1\.self_attn\.v_proj\.weight")),
    "extra": ((*DENSE, *EXPERTS), more(model__layers__0__self_attn__extra__weight=(4, 4))),
    "transposed": ((*DENSE, *EXPERTS), shaped(r"k_proj\.weight|k_proj\.weight", lambda shape: shape[::-1])),
    "wrong vocabulary rows": ((*DENSE, *EXPERTS), shaped(r"embed_tokens", lambda shape: (shape[0] - 12, shape[1]))),
    "wrong heads": ((*DENSE, *EXPERTS), shaped(r"q_proj", doubled)),
    "fewer experts": (EXPERTS, without(r"experts\.3\.")),
    "more experts": (EXPERTS, lambda shapes: shapes | {
        name.replace("experts.0.", "experts.4."): shape for name, shape in shapes.items() if "experts.0." in name
    }),
    "missing bias": (("qwen2",), without(r"layers\.0\.self_attn\.q_proj\.bias")),
    "extra layer": ((*DENSE, *EXPERTS), copied("model.layers.0.", "model.layers.2.")),
    "missing layer": ((*DENSE, *EXPERTS), without(r"layers\.1\.")),
    "swapped names": ((*DENSE, *EXPERTS), swapped),
    "norm of another size": ((*DENSE, *EXPERTS), shaped(r"model\.norm", lambda shape: (shape[0] // 2,))),
}  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "family"), sampled([(name, family) for name, (of, _) in FAULTS.items() for family in of], every=4)
)
def test_a_fault_in_names_or_shapes_is_never_supported(tmp_path: Path, fault: str, family: str) -> None:
    shapes = FAULTS[fault][1](shapes_of(family))
    answer = supported.holds(asked(tmp_path, family, shapes=shapes))
    assert not answer.holds
    assert ", but " in answer.reason


# What people bring


def bias(shapes: Shapes) -> Shapes:
    found = {name: shape for name, shape in shapes.items() if re.search(r"[qkv]_proj\.weight", name)}
    return shapes | {name.replace("weight", "bias"): shape[:1] for name, shape in found.items()}


LORA = {"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": (8, 128)}


@pytest.mark.parametrize(
    ("config", "fault", "says"),
    [
        ({}, bias, "leaves out without a word"),
        ({"vocab_size": 500}, dict, "asks model.embed_tokens.weight to be [500, 128]"),
        ({}, lambda shapes: shapes | LORA, "lora_A.weight"),
        ({"head_dim": 64}, dict, "q_proj.weight is [128, 128]"),
    ],
)
def test_where_config_and_tensors_disagree_no_strategy_holds(
    tmp_path: Path, config: dict[str, Any], fault: Callable[[Shapes], Shapes], says: str
) -> None:
    with pytest.raises(NoStrategy) as refused:
        decide(asked(tmp_path, "llama", config, fault(shapes_of("llama"))))
    assert says in refused.value.why[0]
    assert any("transformers" in line.partition(":")[0] for line in refused.value.why)


PUBLISHERS = {
    "model.": "", "embed_tokens": "tok_embeddings", "lm_head": "output", "self_attn.q_proj": "attention.wq",
    "self_attn.k_proj": "attention.wk", "self_attn.v_proj": "attention.wv", "self_attn.o_proj": "attention.wo",
    "mlp.gate_proj": "feed_forward.w1", "mlp.up_proj": "feed_forward.w3", "mlp.down_proj": "feed_forward.w2",
    "input_layernorm": "attention_norm", "post_attention_layernorm": "ffn_norm",
}  # fmt: skip


def test_the_publishers_own_layout_is_no_renaming(tmp_path: Path) -> None:
    """Its query and key rows are in another order, too."""
    shapes = shapes_of("llama")
    for old, new in PUBLISHERS.items():
        shapes = {name.replace(old, new): shape for name, shape in shapes.items()}
    with pytest.raises(NoStrategy, match=r"attention\.wq"):
        decide(asked(tmp_path, "llama", shapes=shapes))


def test_a_biased_attention_is_one_where_the_config_says_so(tmp_path: Path) -> None:
    decision = decide(asked(tmp_path, "llama", {"attention_bias": True}, _with_output_bias(bias(shapes_of("llama")))))
    assert (decision.strategy.name, decision.notes, decision.unproved) == ("supported", (), ())


def _with_output_bias(shapes: Shapes) -> Shapes:
    return shapes | {f"model.layers.{i}.self_attn.o_proj.bias": (SIZES["hidden_size"],) for i in range(2)}


# Names that nobody knows


def test_another_name_of_an_architecture_is_an_alias(tmp_path: Path) -> None:
    decision = decide(asked(tmp_path, "qwen3", {"architectures": ["Qwen3TextForCausalLM"]}))
    assert (decision.strategy.name, decision.notes, decision.unproved) == ("alias", (), ())
    assert decision.entry is not None
    assert decision.entry.architecture == "Qwen3ForCausalLM"


def unknown_type(folder: Path, **more: Any) -> Question:
    config = config_of("qwen3", architectures=["Qwen3TextForCausalLM"], model_type="qwen3_text")
    read = read_checkpoint(write(folder, config, shapes_of("qwen3")))
    return Question(read_model_of(read, engine().transformers), tree().registry, tree(), **more)


def test_a_model_type_that_nobody_knows_over_a_plain_family_is_offered_and_not_taken(tmp_path: Path) -> None:
    with pytest.raises(NoStrategy) as refused:
        decide(unknown_type(tmp_path))
    assert "--same-as Qwen3ForCausalLM" in refused.value.why[1]
    decision = decide(unknown_type(tmp_path, same_as="Qwen3ForCausalLM"))
    assert decision.strategy.name == "alias"
    assert decision.entry is not None
    assert decision.entry.architecture == "Qwen3ForCausalLM"
    assert "your word" in decision.notes[0]
    assert '"model_type": "qwen3"' in decision.notes[-1]


@pytest.mark.parametrize("other", ["LlamaForCausalLM", "Qwen3MoeForCausalLM", "NovelForCausalLM"])
def test_the_users_word_does_not_stand_against_the_tensors(tmp_path: Path, other: str) -> None:
    with pytest.raises(NoStrategy, match=other):
        decide(unknown_type(tmp_path, same_as=other))


# A modeling source of its own


ORDERS = ("gate", "up"), ("up", "gate")


def test_a_registered_name_over_another_model_is_not_supported(tmp_path: Path) -> None:
    """Its tensors fit, and its own source takes gate and up for each other."""
    own = {"AutoConfig": "configuration_own.Qwen3Config", "AutoModelForCausalLM": "modeling_own.Qwen3ForCausalLM"}
    config = config_of("qwen3", auto_map=own)
    library = engine().transformers / "models/qwen3"
    folder = write(tmp_path, config, shapes_of("qwen3"))
    text = (library / "modeling_qwen3.py").read_text()
    product, other = ("self.act_fn(self.{}_proj(x)) * self.{}_proj(x)".format(*names) for names in ORDERS)
    assert product in text
    relative = text.replace("from ...", "from transformers.").replace("from .", "from transformers.models.qwen3.")
    config_text = (library / "configuration_qwen3.py").read_text()
    (folder / "configuration_own.py").write_text(config_text.replace("from ...", "from transformers."))
    for name, source in (("same", relative), ("other", relative.replace(product, other))):
        (folder / "modeling_own.py").write_text(source)
        read = read_checkpoint(folder)
        reading = read_model_of(read, engine().transformers)
        assert reading.spec.decoder is not None, reading.spec.holes
        answer = supported.holds(Question(reading, tree().registry, tree()))
        assert answer.holds is (name == "same"), answer.reason
        assert ("computes something else" in answer.reason) is (name == "other")


def test_what_could_not_be_read_of_a_source_is_left_open_with_file_and_lines(tmp_path: Path) -> None:
    own = {"AutoConfig": "configuration_own.Qwen3Config", "AutoModelForCausalLM": "modeling_own.Qwen3ForCausalLM"}
    folder = write(tmp_path, config_of("qwen3", auto_map=own), shapes_of("qwen3"))
    library = engine().transformers / "models/qwen3"
    config_text = (library / "configuration_qwen3.py").read_text()
    (folder / "configuration_own.py").write_text(config_text.replace("from ...", "from transformers."))
    text = (library / "modeling_qwen3.py").read_text()
    once = "self.layers[: self.config.num_hidden_layers]"
    assert once in text
    text = text.replace("from ...", "from transformers.").replace("from .", "from transformers.models.qwen3.")
    twice = "[layer for layer in self.layers for _ in range(2)]"
    (folder / "modeling_own.py").write_text(text.replace(once, twice))
    reading = read_model_of(read_checkpoint(folder), engine().transformers)
    answer = supported.holds(Question(reading, tree().registry, tree()))
    assert answer.holds
    assert re.search(r"what it computes was not compared.*\(modeling_own\.py:\d+-\d+\)", answer.unproved[0])


def test_a_code_that_keeps_experts_apart_computes_the_same() -> None:
    """Labs ship a module for each expert, and transformers has a tensor of all of them since."""
    listed = ExpertsSpec(
        *("mlp", "experts", "{expert}.up_proj.weight", "{expert}.down_proj.weight", False),
        *(Value(8), Value(64), Value("silu"), cast(RouterSpec, None), None),
        gate_name="{expert}.gate_proj.weight",
    )
    joint = replace(listed, up_name="gate_up_proj", down_name="down_proj", gate_name="", transposed=True)
    assert joint.laid_out_like(listed) == listed
    assert listed.laid_out_like(joint) == joint
    other = replace(joint, activation=Value("gelu"))
    assert other.laid_out_like(listed) != listed
    turned = replace(joint, transposed=False)
    assert turned.laid_out_like(joint) == turned, "of two tensors of all experts, how they lie is what they mean"


def test_parts_around_a_decoder_that_was_read_are_left_open_and_not_refused() -> None:
    """The names of a tower are none that the decoder's rules could know."""
    reading = read_model_of(read_checkpoint(lab_checkpoint("llava")), engine().transformers)
    assert reading.spec.decoder is not None
    gate = prove_files(Question(reading, tree().registry, tree()))
    assert gate.holds
    assert "not the parts around it" in gate.unproved[0]
