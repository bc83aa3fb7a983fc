"""A gate on the output that the projection of q gives with q, head by head or behind all heads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scaffold.adapter.context import adapter_context
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.mixers.grouped_query.example import EXAMPLE
from scaffold.mixers.grouped_query.spec import AttentionSpec
from scaffold.mixers.protocol import Example
from scaffold.weights.prove import prove
from tests.mixers.test_examples import classes_of, read
from tests.models.around import write_around
from tests.models.specs import spec_of

WIDER = ("self.q_proj = nn.Linear(config.hidden_size, q_size", "self.q_proj = nn.Linear(config.hidden_size, 2 * q_size")
PLAIN = "q = rotate(self.q_proj(hidden_states).view(shape).transpose(1, 2), turn)"
OUT = "return self.o_proj(out.transpose(1, 2).reshape(*hidden_states.shape[:-1], -1))"
SPLIT = """\
{parts} = self.q_proj(hidden_states).view(*shape[:-1], 2 * self.head_dim).chunk(2, dim=-1)
        q = rotate({q}.transpose(1, 2), turn)"""
GATED = "return self.o_proj((out.transpose(1, 2) * {factor}).reshape(*hidden_states.shape[:-1], -1))"
ADAPTED = """\
        q, k, v = qkv.split([2 * self.q_size, self.kv_size, self.kv_size], dim=-1)
        q, gate = q.unflatten(-1, (self.num_heads, 2 * self.head_dim)).chunk(2, dim=-1)
        q, gate = (q.flatten(-2), gate.flatten(-2))
"""


def example(parts: str = "q, gate", factor: str = "torch.sigmoid(gate)", q: str = "q") -> Example:
    source = EXAMPLE.source
    for before, after in (WIDER, (PLAIN, SPLIT.format(parts=parts, q=q)), (OUT, GATED.format(factor=factor))):
        assert before in source
        source = source.replace(before, after)
    return replace(EXAMPLE, source=source)


def test_a_gate_beside_q_goes_where_q_goes(tmp_path: Path) -> None:
    checkpoint, source, decoder = read(write_around(tmp_path, {"mixer": example()}, ["mixer", "mixer"]))
    mixer = decoder.layer.mixer
    assert isinstance(mixer, AttentionSpec)
    assert isinstance(EXAMPLE.spec, AttentionSpec)
    assert mixer.gate is not None
    assert replace(mixer, gate=None) == EXAMPLE.spec
    assert (mixer.gate.name, mixer.gate.per_head, mixer.gate.with_q) == ("q_proj", False, True)
    rules = weight_map_of(decoder, checkpoint, source)
    for size in (1, 2, 4):
        proof = prove(rules, checkpoint.tensors, (size,))
        assert (proof.findings, proof.unrouted) == ((), ())
    (rule,) = (rule for rule in rules.rules if rule.source.endswith("q_proj.weight"))
    (part,) = rule.parts
    assert rule.shape == (2 * 4 * 32, 128)
    assert part.split.interval(part.size, 2, 1) == (128, 256)  # two heads, each with its gate
    assert part.split.misfit(part.size, 8)
    (text,) = classes_of(checkpoint, source, decoder).values()
    assert "self.head_dim, 2 * self.total_num_heads, self.total_num_kv_heads" in text
    assert ADAPTED in text
    assert "attn_output = attn_output * torch.sigmoid(gate)\n" in text


HALVES = """\
{parts} = self.q_proj(hidden_states).chunk(2, dim=-1)
        {gate} = {gate}.view(shape)
        q = rotate(q.view(shape).transpose(1, 2), turn)"""
PAIRED = """\
        for name, weight in weights:
            if name.startswith("model.layers.") and ".mixer.q_proj." in name:
                # [q and gates, heads, head_dim, ...]
                weight = weight.unflatten(0, (2, num_heads, -1)).transpose(0, 1)
                weight = weight.flatten(0, 2)
            yield name, weight"""


def in_halves(parts: str = "q, gate") -> Example:
    split = SPLIT.format(parts="q, gate", q="q")
    source = example().source
    assert split in source
    return replace(EXAMPLE, source=source.replace(split, HALVES.format(parts=parts, gate="gate")))


def test_gates_behind_all_of_q_are_paired_with_their_heads(tmp_path: Path) -> None:
    checkpoint, source, decoder = read(write_around(tmp_path, {"mixer": in_halves()}, ["mixer", "mixer"]))
    mixer = decoder.layer.mixer
    assert isinstance(mixer, AttentionSpec)
    assert mixer.gate is not None
    assert (mixer.gate.name, mixer.gate.with_q, mixer.gate.in_halves) == ("q_proj", True, True)
    rules = weight_map_of(decoder, checkpoint, source)
    proof = prove(rules, checkpoint.tensors, (1, 2, 4))
    assert (proof.findings, proof.unrouted) == ((), ())
    (rule,) = (rule for rule in rules.rules if rule.source.endswith("q_proj.weight"))
    (paired,) = rule.transforms
    # of two heads with three entries: q and gate of the first, then those of the second
    assert list(replace(paired, counts=(1, 1)).apply(np.arange(12))) == [0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11]
    context = adapter_context(checkpoint.architecture, "PretrainedConfig", decoder, rules, checkpoint.tensors)
    (loader,) = context["loaders"]["rows"]
    assert PAIRED in loader["text"]
    (text,) = classes_of(checkpoint, source, decoder).values()
    assert ADAPTED in text


def test_gates_before_q_are_none(tmp_path: Path) -> None:
    assert spec_of(write_around(tmp_path, {"mixer": in_halves("gate, q")}, ["mixer"])).decoder is None


@pytest.mark.parametrize(
    "other",
    [
        {"parts": "gate, q"},
        {"factor": "F.softplus(gate)"},
        {"factor": "torch.sigmoid(gate).roll(1, -1)"},
        {"q": "q.roll(1, -1)"},
    ],
    ids=str,
)
def test_another_order_or_gate_is_none(tmp_path: Path, other: dict[str, str]) -> None:
    spec = spec_of(write_around(tmp_path, {"mixer": example(**other)}, ["mixer"]))
    assert spec.decoder is None
    assert spec.holes[0].what.startswith("what happens between the attention and its output projection")
