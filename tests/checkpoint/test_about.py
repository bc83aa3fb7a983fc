"""What files, config and tensors say: length, modalities, multi-token prediction, tokenizer, custom code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.checkpoint.about import about
from scaffold.checkpoint.headers import Form
from scaffold.checkpoint.patterns import pattern_of, patterns
from scaffold.checkpoint.read import read_checkpoint
from tests.checkpoint.made import checkpoint

PLAIN = {"model.embed_tokens.weight": ("BF16", (512, 256))}


def fact(path: Path, name: str) -> str:
    return next(f.value for f in about(read_checkpoint(path)).facts if f.name == name)


YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}
LENGTHS: tuple[tuple[dict[str, Any], dict[str, Any], str], ...] = (
    ({"max_position_embeddings": 4096}, {}, "4,096"),
    ({"n_positions": 1024}, {}, "1,024"),
    ({"max_position_embeddings": 4096, "seq_length": 2048}, {}, "2,048"),
    ({"max_position_embeddings": 4096, "model_max_length": 131072}, {}, "131,072"),
    ({"max_position_embeddings": 4096, "rope_scaling": {"type": "linear", "factor": 2.0}}, {},
     "8,192 (4,096 × 2, linear scaling)"),
    ({"max_position_embeddings": 4096, "rope_parameters": {"rope_type": "dynamic", "factor": 8.0}}, {},
     "32,768 (4,096 × 8, dynamic scaling); vLLM has rotations for 4,096 positions: serve it with --max-model-len 4096"),
    ({"max_position_embeddings": 131072, "rope_parameters": YARN}, {},
     "131,072 (yarn scaling is in it, trained at 32,768)"),
    ({"max_position_embeddings": 262144, "rope_parameters": YARN}, {},
     "262,144 (yarn scaling is in it, trained at 32,768); "
     "vLLM has rotations for 131,072 positions: serve it with --max-model-len 131072"),
    ({"max_position_embeddings": 262144, "rope_parameters": {**YARN, "mrope_section": [16, 24, 24]}}, {},
     "262,144 (yarn scaling is in it, trained at 32,768)"),
    ({"max_position_embeddings": 131072, "original_max_position_embeddings": 4096,
      "rope_scaling": {"type": "longrope", "short_factor": [1.0]}}, {},
     "131,072 (longrope scaling is in it, trained at 4,096)"),
    ({"max_position_embeddings": 8192, "rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0}, "sliding_attention": {"rope_type": "default"}}}, {},
     "65,536 (8,192 × 8, linear scaling)"),
    ({"max_position_embeddings": 4096}, {"tokenizer_config.json": {"model_max_length": 2048}}, "2,048"),
    ({"max_position_embeddings": 4096}, {"tokenizer_config.json": '{"model_max_length": 1e30}'}, "4,096"),
    ({"text_config": {"max_position_embeddings": 512}}, {}, "512"),
    ({"llm_config": {"max_position_embeddings": 512}}, {}, "512"),
    ({"language_config": {"max_position_embeddings": 512}}, {}, "512"),
    ({}, {}, "not in the config: vLLM takes the default of the config's class, or 2,048"),
)  # fmt: skip


@pytest.mark.parametrize(("config", "files", "expected"), LENGTHS)
def test_the_maximum_length_is_the_one_that_vllm_derives(
    tmp_path: Path, config: Any, files: Any, expected: str
) -> None:
    assert fact(checkpoint(tmp_path / "c", PLAIN, files, **config), "maximum length") == expected


class Keyed(int):
    """A number as a completed config has it."""


@pytest.mark.parametrize(
    ("completed", "expected"),
    [({"max_position_embeddings": Keyed(131072)}, "131,072"), ({}, "not in the config: vLLM takes 2,048")],
)
def test_a_length_that_only_the_class_has_is_its_default(
    tmp_path: Path, completed: dict[str, Any], expected: str
) -> None:
    facts = about(read_checkpoint(checkpoint(tmp_path / "c", PLAIN)), completed).facts
    assert [f.value for f in facts if f.name == "maximum length"] == [expected]


def test_a_tower_in_another_ones_module_is_one_part(tmp_path: Path) -> None:
    tensors = {**PLAIN, "vision_tower.vision_model.layers.0.fc.weight": ("BF16", (4, 4))}
    facts = about(read_checkpoint(checkpoint(tmp_path / "c", tensors, vision_config={}))).facts
    assert [f.name for f in facts if f.name.startswith("part ")] == ["part vision_tower"]


MTP: tuple[tuple[dict[str, Any], dict[str, Any], str], ...] = (
    ({}, {}, "none"),
    (
        {"num_nextn_predict_layers": 1},
        {"model.layers.2.eh_proj.weight": ("BF16", (1, 2))},
        "1 layer, its tensors are there",
    ),
    ({"num_nextn_predict_layers": 2}, {}, "2 by the config, and no tensor of it"),
    ({"num_mtp_modules": 3}, {}, "3 by the config, and no tensor of it"),
    ({}, {"mtp.layers.0.norm.weight": ("BF16", (1,))}, "tensors of it, and the config does not promise any layer"),
)


@pytest.mark.parametrize(("config", "tensors", "expected"), MTP)
def test_multi_token_prediction_is_by_config_and_tensors(
    tmp_path: Path, config: Any, tensors: Any, expected: str
) -> None:
    assert fact(checkpoint(tmp_path / "c", PLAIN | tensors, **config), "multi-token prediction") == expected


def test_modalities_and_their_parts(tmp_path: Path) -> None:
    tensors = PLAIN | {
        "vision_tower.blocks.0.weight": ("BF16", (2, 2)),
        "multi_modal_projector.weight": ("BF16", (2, 2)),
    }
    files = {"preprocessor_config.json": {}, "video_preprocessor_config.json": {}}
    path = checkpoint(tmp_path / "c", tensors, files, vision_config={"hidden_size": 2})
    assert fact(path, "modalities") == "text, image, video"
    assert fact(path, "part vision_tower").startswith("1 tensors")
    assert fact(path, "processor") == "preprocessor_config.json, video_preprocessor_config.json"
    assert fact(checkpoint(tmp_path / "t", PLAIN), "modalities") == "text"
    assert fact(checkpoint(tmp_path / "a", PLAIN, audio_config={}), "modalities") == "text, audio"


@pytest.mark.parametrize("key", ["vision_config", "vit_config", "visual", "vision_tower"])
def test_a_part_for_images_is_seen_by_all_that_ask_for_it(tmp_path: Path, key: str) -> None:
    path = checkpoint(tmp_path / "c", PLAIN, **{key: {"hidden_size": 2}})
    assert fact(path, "modalities") == "text, image"
    assert read_checkpoint(path).is_multimodal


def test_tokenizer_and_chat_template(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "c", PLAIN)
    assert fact(path, "tokenizer") == "no tokenizer file"
    assert fact(path, "chat template").startswith("none")
    (path / "vocab.json").write_text("{}")
    assert fact(path, "tokenizer") == "no tokenizer file"
    (path / "merges.txt").write_text("")
    assert fact(path, "tokenizer") == "BPE"
    (path / "tokenizer.json").write_text("{}")
    assert fact(path, "tokenizer") == "fast (tokenizers)"
    (path / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    assert fact(path, "chat template") == "in tokenizer_config.json"
    (path / "chat_template.jinja").write_text("{{ messages }}")
    assert fact(path, "chat template") == "in chat_template.jinja"


def test_custom_code(tmp_path: Path) -> None:
    assert fact(checkpoint(tmp_path / "a", PLAIN), "custom code") == "none"
    path = checkpoint(tmp_path / "b", PLAIN, auto_map={"AutoModelForCausalLM": "modeling_made.Made"})
    assert "not there" in fact(path, "custom code")
    (path / "modeling_made.py").write_text("raise SystemExit('executed')")
    assert fact(path, "custom code") == "1 Python file; vllm serve needs --trust-remote-code for it"
    path = checkpoint(tmp_path / "d", PLAIN, auto_map={"AutoModel": "some/repo--modeling_made.Made"})
    assert fact(path, "custom code") == "in another repository, some/repo"


def test_dtype_in_old_and_new_spelling(tmp_path: Path) -> None:
    for key in ("dtype", "torch_dtype"):
        found = about(read_checkpoint(checkpoint(tmp_path / key, PLAIN, **{key: "bfloat16"}))).facts[0]
        assert (found.value, found.evidence[0].where, found.evidence[0].shows) == ("BF16 (1)", key, "bfloat16")


NAME = st.lists(st.sampled_from(["0", "12", "w1", "w2", "layers", "1a", "", "\n", "名", "٣"]), min_size=1, max_size=4)


@given(st.dictionaries(NAME.map(".".join), st.sampled_from(["F32", "BF16"]), min_size=1))
def test_patterns_are_those_of_each_name(dtypes: dict[str, str]) -> None:
    forms = {name: Form(4, dtype, (2,), "s", False) for name, dtype in dtypes.items()}
    expected: dict[tuple[str, str], int] = {}
    for name, dtype in dtypes.items():
        key = (pattern_of(name), dtype)
        expected[key] = expected.get(key, 0) + 1
    assert {(p.name, p.dtype): p.count for p in patterns(forms)} == expected
