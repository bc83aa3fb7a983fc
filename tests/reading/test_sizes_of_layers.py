"""A config may have a list with a size for each layer, which its class may have computed by steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.expressions.tree import LAYER, Item, key
from scaffold.feed_forwards.mlp.spec import MlpSpec
from scaffold.reading.from_source import read_decoder
from scaffold.source.locate import find
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.decoder import DecoderSpec
from tests.models.remote.build import CONFIG, Text, source

KEPT = "self.mlp = VelaMLP(config)"
OWN = """width = config.intermediate_size[{index}]
        self.mlp = VelaMLP(config)
        self.mlp.gate_proj = nn.Linear(config.hidden_size, width, bias=False)
        self.mlp.up_proj = nn.Linear(config.hidden_size, width, bias=False)
        self.mlp.down_proj = nn.Linear(width, config.hidden_size, bias=False)"""
GIVEN = "def __init__(self, config: VelaConfig):\n        super().__init__()\n        self.gate_proj"
FIRST = "def __init__(self, config: VelaConfig):\n        super().__init__()\n        width = 1\n        self.gate_proj"


def read(folder: Path, transformers: Path, index: str, sizes: list[int]) -> DecoderSpec:
    """Return the decoder whose MLPs have a size of a list each."""
    source(folder, transformers)
    code = folder / "modeling_vela.py"
    text = code.read_text().replace("config.intermediate_size", "width").replace(GIVEN, FIRST)
    code.write_text(text.replace(KEPT, OWN.format(index=index)))
    found = find("VelaForCausalLM", "vela", CONFIG["auto_map"], folder, transformers)
    assert found is not None
    return read_decoder(found, Text({**CONFIG, "intermediate_size": sizes}))  # type: ignore[arg-type]


def test_a_size_is_the_layers_entry(tmp_path: Path, transformers_source: Path) -> None:
    layers = read(tmp_path, transformers_source, "layer_idx", [80, 112]).layers
    blocks = [one.feed_forward for one in layers]
    assert all(isinstance(one, MlpSpec) for one in blocks)
    sizes = [one.intermediate_size for one in blocks if isinstance(one, MlpSpec)]
    assert [one.value for one in sizes] == [80, 112]
    assert {one.tree for one in sizes} == {Item(key("intermediate_size"), LAYER)}


@pytest.mark.parametrize(
    ("index", "sizes", "hole"),
    [
        pytest.param("-1 - layer_idx", [80, 112], "layer 0 has 112 where .* is 80", id="another layer's"),
        pytest.param("0", [80], "has not one size for each of 2 layers", id="one for all"),
    ],
)
def test_any_other_entry_is_a_hole(
    index: str, sizes: list[int], hole: str, tmp_path: Path, transformers_source: Path
) -> None:
    with pytest.raises(NotUnderstood, match=hole):
        read(tmp_path, transformers_source, index, sizes)


STEPS = """
from numbers import Number

import numpy as np
from transformers import PretrainedConfig


def stepped(value, step):
    new = max(step, int(value + step / 2) // step * step)
    return new + step if new < 0.9 * value else new


class VelaConfig(PretrainedConfig):
    model_type = "vela"

    def __init__(self, widths=1.0, head_dim=16, pad_token_id=0, **kwargs):
        super().__init__(pad_token_id=pad_token_id, **kwargs)
        count = self.num_hidden_layers
        if isinstance(widths, Number):
            shares = [widths] * count
        else:
            shares = [round(v, 2) for v in np.linspace(widths[0], widths[1], num=count, dtype=float)]
        self.head_dim, self.shares = head_dim, shares
        heads = [int(stepped(self.hidden_size * share, 2 * head_dim)) // head_dim for share in shares]
        self.num_attention_heads = heads
        self.num_key_value_heads = [one // 2 for one in heads]
"""


@pytest.mark.parametrize("widths", [0.5, [0.5, 1.0]])
def test_lists_of_heads_are_a_hole_that_says_so(widths: Any, tmp_path: Path, transformers_source: Path) -> None:
    source(tmp_path, transformers_source)
    (tmp_path / "configuration_vela.py").write_text(STEPS)
    code = tmp_path / "modeling_vela.py"
    text = code.read_text().replace("config.num_attention_heads", "config.num_attention_heads[layer_idx]")
    text = text.replace("config.num_key_value_heads", "config.num_key_value_heads[layer_idx]")
    code.write_text(text.replace("config.hidden_size // self.heads", "config.head_dim"))
    found = find("VelaForCausalLM", "vela", CONFIG["auto_map"], tmp_path, transformers_source)
    assert found is not None
    apart = ("num_attention_heads", "num_key_value_heads")
    values = {name: value for name, value in CONFIG.items() if name not in apart}
    with pytest.raises(NotUnderstood, match="num_attention_heads, a list with a size for each layer"):
        read_decoder(found, Text({**values, "hidden_size": 128, "widths": widths}))  # type: ignore[arg-type]
