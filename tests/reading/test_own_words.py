"""Numbers that a config has in words of its own are known by what they are for: thetas, groups of experts, limits."""

from __future__ import annotations

import json
from pathlib import Path

from scaffold.feed_forwards.experts.spec import ExpertsSpec
from scaffold.mixers.grouped_query.spec import AttentionSpec
from tests.mixers.test_examples import read
from tests.models.odd_blocks import Odd, write_odd

CHOSEN = "chosen = torch.topk(weights, self.top_k, dim=-1).indices"
GROUPED = """\
groups = weights.unflatten(-1, (self.config.circles, -1))
        best = groups.amax(-1).topk(self.config.best_circles, dim=-1).indices
        kept = torch.zeros_like(groups[..., 0]).scatter(-1, best, 1.0).unsqueeze(-1).expand_as(groups).flatten(-2)
        chosen = torch.topk(weights.masked_fill(kept == 0, float("-inf")), self.top_k, dim=-1).indices"""
TURNED = """\
x, rest = x.chunk(2, dim=-1)
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos"""


def test_groups_of_experts(tmp_path: Path) -> None:
    odd = Odd(router="logits = logits * 1.0", config={"circles_group": 4, "best_circles_group": 2})
    directory = write_odd(tmp_path, odd, layers=1)
    source = directory / "modeling_corvus.py"
    assert CHOSEN in source.read_text()
    grouped = GROUPED.replace("circles", "circles_group")
    source.write_text(source.read_text().replace(CHOSEN, grouped))
    decoder = read(directory)[2]
    assert decoder is not None
    (layer,) = decoder.layers
    assert isinstance(layer.feed_forward, ExpertsSpec)
    router = layer.feed_forward.router
    assert router.num_groups is not None
    assert router.topk_group is not None
    assert (router.num_groups.key, router.topk_group.key) == ("circles_group", "best_circles_group")


def test_a_theta(tmp_path: Path) -> None:
    directory = write_odd(tmp_path, Odd(config={"turning_theta": 5000.0}), layers=1)
    source = directory / "modeling_corvus.py"
    old = 'self.config.rope_parameters["rope_theta"]'
    assert old in source.read_text()
    source.write_text(source.read_text().replace(old, "self.config.turning_theta"))
    decoder = read(directory)[2]
    assert decoder is not None
    (layer,) = decoder.layers
    assert isinstance(layer.mixer, AttentionSpec)
    assert layer.mixer.rope is not None
    assert "turning_theta" in str(layer.mixer.rope)


def test_a_logarithm(tmp_path: Path) -> None:
    odd = Odd(after="import math\nquery = query.clamp(max=math.log(self.config.warmth))", config={"warmth": 1.5})
    decoder = read(write_odd(tmp_path, odd, layers=1))[2]
    assert decoder is not None
    assert "math.log(self.config.warmth)" in str(decoder.layers[0].mixer)


def test_heads_in_an_object_of_the_config(tmp_path: Path) -> None:
    """They stay as many as they are in a probe, whose width they have to share."""
    directory = write_odd(tmp_path, Odd(), layers=1)
    source, written = directory / "modeling_corvus.py", directory / "config.json"
    config = json.loads(written.read_text())
    heads = {"heads": config.pop("num_attention_heads"), "kv_heads": config.pop("num_key_value_heads"), "part": 0.5}
    del config["head_dim"]
    written.write_text(json.dumps({**config, "attn": heads}))
    text = source.read_text()
    for old, new in (
        ("config.num_attention_heads", 'config.attn["heads"]'),
        ("config.num_key_value_heads", 'config.attn["kv_heads"]'),
        ("size = self.config.head_dim", 'size = int(self.config.head_dim * self.config.attn["part"])'),
        ("config.head_dim", '(self.config.hidden_size // self.config.attn["heads"])'),
        ("self.(self", "(self"),
        ("first, second = x.chunk(2, dim=-1)\n    return torch.cat((first * cos", TURNED),
        ("second * cos + first * sin), dim=-1)", "second * cos + first * sin, rest), dim=-1)"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    source.write_text(text)
    assert read(directory)[2] is not None
