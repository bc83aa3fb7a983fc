"""What is on disk for a parameter: names, shapes and parts, from transformers' own table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scaffold.source.locate import find
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.transformers.conversions import DiskTensor, Step, conversions, on_disk
from tests.models.interpreted import instantiate

TABLE = """
from .core_model_loading import Chunk, Concatenate, MergeModulelist, PermuteForRope, PrefixChange
from .core_model_loading import Interleave, Transpose, WeightConverter, WeightRenaming

_MODEL_TO_CONVERSION_PATTERN = {"kin": "nova"}

def _build_checkpoint_conversion_mapping():
    mapping = {
        "nova": [
            WeightRenaming(".moe.", ".mlp."),
            WeightConverter(
                source_patterns=[".experts.*.a.weight", ".experts.*.b.weight"],
                target_patterns=".experts.ab",
                operations=[MergeModulelist(dim=0), Concatenate(dim=1)],
            ),
            WeightConverter(".experts.*.c.weight", ".experts.c", operations=[MergeModulelist(dim=0)]),
        ],
        "other": [
            PrefixChange(prefix_to_remove="old"),
            WeightConverter("qkv", ["q_proj", "k_proj", "v_proj"], operations=[Chunk(dim=0)]),
            WeightConverter("gate_t.weight", "gate.weight", operations=[Transpose(0, 1)]),
            WeightConverter("mixed.weight", "pair.weight", operations=[Interleave(dim=0)]),
            WeightConverter("roped.weight", "o_proj.weight", operations=[PermuteForRope()]),
            WeightRenaming(r"^h\\.(\\d+)\\.", r"layers.\\1."),
        ],
        "NovaForCausalLM": [WeightRenaming(r"^embed_out\\.", "lm_head.")],
    }
    mapping["kid"] = mapping["nova"].copy()
    mapping["kid"] += [WeightRenaming("old_bias", "new_bias")]
    mapping["dense"] = [t for t in mapping["nova"] if not t._original_source_patterns[0].startswith(".experts")]
    for model_type, base_pattern in _MODEL_TO_CONVERSION_PATTERN.items():
        if model_type in mapping:
            continue
        mapping[model_type] = mapping[base_pattern].copy()
    return mapping
"""


@pytest.fixture
def transformers(tmp_path: Path) -> Path:
    (tmp_path / "conversion_mapping.py").write_text(TABLE)
    return tmp_path


def disk(transformers: Path, model_type: str, name: str, *shape: int) -> list[tuple[str, tuple[int, ...]]]:
    found = on_disk(name, shape, conversions(model_type, ["XForCausalLM"], transformers))
    return [(tensor.name, tensor.shape) for tensor in found]


def test_what_no_conversion_names_is_saved_as_it_is(transformers: Path) -> None:
    assert disk(transformers, "nova", "model.norm.weight", 8) == [("model.norm.weight", (8,))]
    assert disk(transformers, "unknown", "a.mlp.experts.ab", 2, 4, 8) == [("a.mlp.experts.ab", (2, 4, 8))]


def test_a_table_may_choose_by_the_patterns_that_were_given(transformers: Path) -> None:
    assert disk(transformers, "dense", "m.mlp.experts.c", 2, 6, 4) == [("m.moe.experts.c", (2, 6, 4))]


@pytest.mark.parametrize("model_type", ["nova", "kin", "kid"])
def test_merged_experts_are_saved_one_by_one_under_the_older_name(transformers: Path, model_type: str) -> None:
    assert disk(transformers, model_type, "m.layers.3.mlp.experts.ab", 2, 6, 4) == [
        ("m.layers.3.moe.experts.0.a.weight", (3, 4)),
        ("m.layers.3.moe.experts.1.a.weight", (3, 4)),
        ("m.layers.3.moe.experts.0.b.weight", (3, 4)),
        ("m.layers.3.moe.experts.1.b.weight", (3, 4)),
    ]
    assert disk(transformers, model_type, "m.layers.3.mlp.experts.c", 2, 4, 3)[1] == (
        "m.layers.3.moe.experts.1.c.weight",
        (4, 3),
    )


def test_a_copied_entry_has_its_additions_and_leaves_the_original_alone(transformers: Path) -> None:
    assert disk(transformers, "kid", "m.new_bias", 4) == [("m.old_bias", (4,))]
    assert disk(transformers, "nova", "m.new_bias", 4) == [("m.new_bias", (4,))]


def test_the_class_name_goes_before_the_model_type(transformers: Path) -> None:
    found = conversions("nova", ["NovaForCausalLM", "NovaModel"], transformers)
    assert [t.name for t in on_disk("lm_head.weight", (4, 4), found)] == ["embed_out.weight"]
    assert [t.name for t in on_disk("x.mlp.experts.c", (1, 2, 2), found)] == ["x.moe.experts.0.c.weight"]


def test_parts_joined_on_disk_say_which_part_they_are(transformers: Path) -> None:
    (part,) = on_disk("h.k_proj.weight", (6, 4), conversions("other", ["X"], transformers))
    assert part == DiskTensor("h.qkv.weight", (6, 4), (), (0, 1, 3))


def test_groups_of_a_pattern_go_through_to_the_saved_name(transformers: Path) -> None:
    assert disk(transformers, "other", "layers.12.norm.weight", 4) == [("h.12.norm.weight", (4,))]


def test_layout_steps_are_the_inverse_of_what_loading_does(transformers: Path) -> None:
    found = conversions("other", ["X"], transformers)
    (transposed,) = on_disk("gate.weight", (2, 3), found)
    assert (transposed.shape, transposed.steps) == ((3, 2), (Step("transpose", 1, other=0),))
    (mixed,) = on_disk("pair.weight", (6,), found)
    saved = mixed.take(np.arange(6))
    assert saved.tolist() == [0, 3, 1, 4, 2, 5]  # loading takes them apart again:
    assert saved.reshape(3, 2).T.reshape(6).tolist() == list(range(6))


def test_an_operation_that_is_not_known_is_no_guess(transformers: Path) -> None:
    with pytest.raises(NotUnderstood, match="PermuteForRope"):
        on_disk("o_proj.weight", (4, 4), conversions("other", ["X"], transformers))


def test_put_is_the_inverse_of_take(transformers: Path) -> None:
    values = np.random.default_rng(0).normal(size=(3, 4, 5))
    read = np.zeros_like(values)
    for tensor in on_disk("a.mlp.experts.ab", values.shape, conversions("nova", ["X"], transformers)):
        tensor.put(read, tensor.take(values))
    assert (read == values).all()


def test_a_transformers_without_the_table_saves_everything_as_it_is(tmp_path: Path) -> None:
    assert conversions("nova", ["X"], tmp_path) == ()


@pytest.mark.engine
@pytest.mark.parametrize("row", ["mixtral", "olmoe", "gpt-oss", "solar-open", "qwen3", "gpt2", "bloom", "phi3"])
def test_every_tensor_that_save_pretrained_writes_is_explained(row: str) -> None:
    from safetensors import safe_open

    from tests.lab.checkpoints import checkpoint
    from tests.lab.engine import engine

    place = checkpoint(row)
    config = json.loads((place / "config.json").read_text())
    source = find(config["architectures"][0], config["model_type"], {}, place, engine().transformers)
    assert source is not None
    known = conversions(config["model_type"], [source.class_name], engine().transformers)
    explained = {}
    for name, tensor in instantiate(source, config).root.saved_tensors():
        explained |= {one.name: one.shape for one in on_disk(name, tensor.shape, known)}
    written = {}
    for file in place.glob("*.safetensors"):
        with safe_open(file, "np") as shard:
            written |= {name: tuple(shard.get_slice(name).get_shape()) for name in shard.keys()}  # noqa: SIM118
    if "lm_head.weight" not in written:  # tied
        explained.pop("lm_head.weight")
    assert explained == written
