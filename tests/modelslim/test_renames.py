"""The code of vllm-ascend that renames, run without Python, and in what its releases differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.modelslim.dialect import BEGINNING, EXACT, GET, Dialect, dialect_of
from scaffold.modelslim.upstream import Upstream, read_upstream
from scaffold.source.python.errors import NotUnderstood

TABLES = """\
packed_modules_model_mapping = {"birch": {"qkv_proj": ["q_proj", "k_proj"]}, "yew": YEW}
YEW = {"gate_up_proj": ["gate_proj", "up_proj"]}
QUANT_MODEL_PREFIX_MAPPINGS = {"yew": {"layers.": "model.layers."}}


class Config:
    def quant_prefix_mapper(self, model_type, prefix):
        if prefix == "lm_head" and "inner.lm_head.weight" in self.quant_description:
            prefix = "inner.lm_head"
        mapping = QUANT_MODEL_PREFIX_MAPPINGS.get(model_type)
        if mapping:
            prefix = WeightsMapper(orig_to_new_prefix=mapping)._map_name(prefix)
        return prefix

    def get_quant_method(self, layer, prefix):
        model_type = get_current_vllm_config().model_config.hf_config.model_type
        if model_type in ["birch"]:
            prefix = prefix.replace("mlp", "moe")
            parts = prefix.split(".")
            if parts[-1].isdigit():
                prefix = ".".join(parts[:-1])
        if model_type in packed_modules_model_mapping:
            self.packed_modules_mapping = packed_modules_model_mapping[model_type]
        prefix = self.quant_prefix_mapper(model_type, prefix)
        if isinstance(layer, LinearBase):
            prefix = nobody_knows(prefix)
        return self.is_layer_skipped_ascend(prefix)

    def is_layer_skipped_ascend(self, prefix):
        return any(key.startswith(prefix) and key.endswith(".weight") for key in self.quant_description)

    def _apply_extra_quant_adaptations(self):
        more = {}
        for name in self.quant_description:
            if "shared_head" in name:
                more[name.replace(".shared_head.", ".")] = self.quant_description[name]
        self.quant_description.update(more)
"""
IMPORT = "from vllm.model_executor.models.utils import WeightsMapper\n"


def upstream(folder: Path, text: str = IMPORT + TABLES, name: str = "modelslim_config.py") -> Upstream:
    path = folder / "vllm_ascend" / "quantization" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    found = read_upstream(folder)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("model_type", "prefix", "words", "looked_up"),
    [
        ("cedar", "layers.0.mlp.down_proj", {}, "layers.0.mlp.down_proj"),
        ("birch", "layers.0.mlp.experts.7", {}, "layers.0.moe.experts"),
        ("yew", "layers.0.mlp.down_proj", {}, "model.layers.0.mlp.down_proj"),
        ("cedar", "lm_head", {}, "lm_head"),
        ("cedar", "lm_head", {"inner.lm_head.weight": "FLOAT"}, "inner.lm_head"),
    ],
)
def test_what_a_release_renames(
    tmp_path: Path, model_type: str, prefix: str, words: dict[str, str], looked_up: str
) -> None:  # fmt: skip
    assert upstream(tmp_path).renames.layer(model_type, prefix, words, {}, by_part=False) == looked_up


def test_entries_that_a_release_adds_under_further_names(tmp_path: Path) -> None:
    words = {f"layers.{number}.shared_head.head.weight": "FLOAT" for number in (61, 62)} | {"a.b.weight": "W8A8"}
    assert upstream(tmp_path).renames.entries(words, {"version": "1"}) == {
        **words, "layers.61.head.weight": "FLOAT", "layers.62.head.weight": "FLOAT",
    }  # fmt: skip


def test_a_row_may_be_a_constant_of_the_file(tmp_path: Path) -> None:
    assert upstream(tmp_path).packed["yew"] == {"gate_up_proj": ("gate_proj", "up_proj")}


def test_a_row_that_is_computed_is_not_taken_for_none(tmp_path: Path) -> None:
    found = upstream(tmp_path, IMPORT + TABLES.replace('"yew": YEW', '"yew": made_of(YEW)'))
    assert found.unread == {"yew"}
    with pytest.raises(NotUnderstood, match="a key"):
        upstream(tmp_path, IMPORT + TABLES.replace('"yew": YEW', "**YEW"))


def test_code_beyond_the_interpreter_is_no_guess(tmp_path: Path) -> None:
    text = TABLES.replace('prefix.replace("mlp", "moe")', "nobody_knows(prefix)")
    with pytest.raises(NotUnderstood):
        upstream(tmp_path, IMPORT + text).renames.layer("birch", "layers.0.mlp", {}, {}, by_part=False)


def test_a_tree_of_a_release_that_is_not_known_is_none(tmp_path: Path) -> None:
    path = tmp_path / "vllm_ascend" / "quantization" / "modelslim_config.py"
    path.parent.mkdir(parents=True)
    path.write_text(TABLES.replace("key.startswith(prefix)", "key.begins(prefix)"))
    assert read_upstream(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("self.quant_description[key] == 'FLOAT'", EXACT),
        ('any(key.startswith(prefix)\n and key.endswith(".weight") for key in x)', BEGINNING),
        ('quant_type = quant_description.get(prefix + ".weight")', GET),
        ("nothing of it", None),
    ],
)
def test_how_a_release_looks_an_entry_up(text: str, found: str | None) -> None:
    dialect = dialect_of(text)
    assert (dialect and dialect.lookup) == found


def test_the_release_of_the_laboratory(ascend_source: Path) -> None:
    found = read_upstream(ascend_source)
    assert found is not None
    assert found.dialect == Dialect()
    assert ("W4A8_DYNAMIC", "moe") in (found.schemes or ())
