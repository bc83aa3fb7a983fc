"""Rows that mend: how they are said, and which beginnings and parts of names differ."""

from __future__ import annotations

import pytest

from codemods import find_codemod
from scaffold.modelslim.rows import NewRow, moved
from scaffold.modelslim.weights_mapper import WeightsMapper
from tests.rows import each


@each(
    ("layer", "entry", "pair"),
    [
        ("layers.0.attn.wq", "model.layers.0.attn.wq", ("layers.", "model.layers.")),
        ("model.layers.9.mtp_block.mlp.up", "model.layers.9.mlp.up", (".mtp_block.", ".")),
        ("inner.model.layers.0.mlp.up", "model.layers.0.mlp.up", ("inner.", "")),
        ("model.layers.0.mlp.experts", "model.layers.0.ffn.experts.0.w1", (".mlp.", ".ffn.")),
        ("a.layers.0.mlp.up", "a.layers.1.mlp.up", None),
        ("model.layers.0.mlp.up", "model.layers.0.mlp.down", None),
    ],
)
def test_what_differs_in_the_names_of_a_layer_and_its_entry(
    layer: str, entry: str, pair: tuple[str, str] | None
) -> None:  # fmt: skip
    assert moved(layer, entry) == pair
    if pair is not None and not pair[0].startswith("."):
        renamed = WeightsMapper(orig_to_new_prefix=dict([pair]))._map_name(layer)
        assert renamed.rpartition(".")[0] == entry.rpartition(".")[0]


TEXT = "QUANT_MODEL_PREFIX_MAPPINGS = {\n}\n"


@pytest.mark.parametrize("new", ["", "model.layers."])
def test_a_row_is_what_the_codemod_takes(new: str) -> None:
    row = NewRow("prefix", ("elm", "elm_text"), {"layers.": (new,)})
    written = find_codemod("add-modelslim-rows").run(TEXT, row.arguments)
    assert written.count(f'        "layers.": "{new}",\n') == 2
    assert str(row).endswith(f"<vllm-ascend> table=prefix model_types=elm,elm_text row=layers.={new}")


def test_a_row_of_packed_modules_is_said_as_a_command() -> None:
    row = NewRow("packed", ("elm",), {"qkv": ("q", "k"), "up": ("gate",)})
    assert str(row) == 'scaffold codemod run add-modelslim-rows <vllm-ascend> model_types=elm row="qkv=q,k up=gate"'
