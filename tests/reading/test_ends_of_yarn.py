"""Where the ramp of a yarn rotation ends: whole entries of a head, at the checkpoint's sizes and not only a probe's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.expressions.tree import Entries, Expression, Literal, Log, key
from scaffold.mixers.grouped_query.spec import AttentionSpec
from scaffold.source.python.errors import NotUnderstood
from tests.models.remote.build import read

SCALING = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}
CONFIG: dict[str, Any] = {
    "hidden_size": 512, "max_position_embeddings": 131072, "rope_theta": 10000.0, "rope_scaling": SCALING,
}  # fmt: skip
CLASS = """
class Ramped(nn.Module):
    def __init__(self, size, base, scaling, beta_fast=DEFAULT, beta_slow=1):
        super().__init__()
        original, factor = scaling["original_max_position_embeddings"], scaling["factor"]

        def entry(turns):
            return size * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(base))

        low, high = max(math.floor(entry(FAST)), 0), min(math.ceil(entry(beta_slow)), size - 1)
        if low == high:
            high += 0.001
        ramp = ((torch.arange(size // 2).float() - low) / (high - low)).clamp(0, 1)
        inverse = 1.0 / base ** (torch.arange(0, size, 2).float() / size)
        self.register_buffer("inv_freq", inverse / factor * ramp + inverse * (1 - ramp), persistent=False)
        self.scale = 0.1 * math.log(factor) + 1.0

    def forward(self, x, length):
        angles = torch.outer(torch.arange(length).float(), self.inv_freq)
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos() * self.scale, angles.sin() * self.scale
"""
MADE = """
self.rotary = Ramped(self.size, config.rope_theta, config.rope_scaling)
self.k_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=False)
self.v_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=False)
"""
FORWARD = """
def forward(self, x, attention_mask=None, position_ids=None, past_key_value=None, head_mask=None):
    batch, length, _ = x.shape
    q = self.q_proj(x).view(batch, length, self.heads, self.size).transpose(1, 2)
    k = self.k_proj(x).view(batch, length, self.kv_heads, self.size).transpose(1, 2)
    v = self.v_proj(x).view(batch, length, self.kv_heads, self.size).transpose(1, 2)
    cos, sin = self.scaled(v, length)
    q, k = turned(q, cos, sin), turned(k, cos, sin)
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    return self.o_proj(out.transpose(1, 2).reshape(batch, length, -1))
"""


USUAL = "0.1 * math.log(factor) + 1.0"


def mixer(
    directory: Path,
    transformers: Path,
    fast: str,
    config: dict[str, Any] | None = None,
    default: str = "32",
    magnitude: str = USUAL,
) -> Any:
    assert USUAL in CLASS
    parts = {
        "classes": CLASS.replace("FAST", fast).replace("DEFAULT", default).replace(USUAL, magnitude),
        "projections": MADE.replace("self.rotary", "self.scaled"),
        "forward": FORWARD,
    }
    return read(directory, transformers, CONFIG | (config or {}), **parts).layer.mixer


@pytest.mark.parametrize(
    ("fast", "config"),
    [("32", {}), ('scaling["beta_fast"]', {"rope_scaling": SCALING | {"beta_fast": 48}})],
    ids=["vLLM's own number", "the config's number"],
)
def test_it_ends_where_vllm_has_it(
    fast: str, config: dict[str, Any], tmp_path: Path, transformers_source: Path
) -> None:
    found = mixer(tmp_path, transformers_source, fast, config)
    assert isinstance(found, AttentionSpec)
    assert found.rope is not None
    assert found.rope.parameters == key("rope_parameters")


def test_ends_that_are_one_entry_in_a_probe_alone_are_vllms(tmp_path: Path, transformers_source: Path) -> None:
    # So short an original length has both ends at entry 0 in heads of 24 entries, and not in those of 128.
    short = {"max_position_embeddings": 64, "rope_scaling": SCALING | {"original_max_position_embeddings": 4}}
    assert mixer(tmp_path, transformers_source, "32", short).rope is not None


def test_a_number_of_the_source_that_only_the_checkpoint_shows_is_a_hole(
    tmp_path: Path, transformers_source: Path
) -> None:
    # In heads of 24 and 32 entries both numbers of turns round to one entry: of 128, to 35 and 32.
    with pytest.raises(NotUnderstood, match="ramp does not end for the checkpoint"):
        mixer(tmp_path, transformers_source, "48")


def test_a_default_of_the_source_that_is_none_of_vllms_is_told_it(tmp_path: Path, transformers_source: Path) -> None:
    found = mixer(tmp_path, transformers_source, "beta_fast", default="48")
    assert found.rope is not None
    assert found.rope.parameters == Entries((("beta_fast", Literal(48)),), key("rope_parameters"))


def test_a_default_of_the_source_that_it_does_not_use_is_a_hole(tmp_path: Path, transformers_source: Path) -> None:
    with pytest.raises(NotUnderstood, match="ramp does not end for the checkpoint"):
        mixer(tmp_path, transformers_source, "40", default="48")


LOG = Log(key("rope_parameters", "factor"))


@pytest.mark.parametrize(
    ("magnitude", "turns", "entries"),
    [
        ("1.0", "32", {"attention_factor": Literal(1.0)}),
        ("1 + 0.07 * math.log(factor)", "32", {"attention_factor": Literal(0.07) * LOG + 1.0}),
        (
            "math.log(factor) * 0.07 + 1.0",
            "48",
            {"beta_fast": Literal(48), "attention_factor": Literal(0.07) * LOG + 1.0},
        ),
    ],
    ids=["no factor on cos and sin", "another number", "and other turns"],
)
def test_a_magnitude_in_another_spelling_is_told_to_vllm(
    magnitude: str, turns: str, entries: dict[str, Expression], tmp_path: Path, transformers_source: Path
) -> None:
    found = mixer(tmp_path, transformers_source, "beta_fast", default=turns, magnitude=magnitude)
    assert found.rope is not None
    assert found.rope.parameters == Entries(tuple(entries.items()), key("rope_parameters"))
