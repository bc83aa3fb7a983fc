"""Two attentions over the same q and k, of which one is subtracted from the other, in a block that we made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scaffold.adapter.context import adapter_context
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.mixers.grouped_query.capacity import kept
from scaffold.mixers.grouped_query.example import EXAMPLE
from scaffold.mixers.grouped_query.spec import AttentionSpec
from scaffold.weights.prove import prove
from scaffold.weights.transforms import Ungroup
from tests.carried.test_carried_over import holes_of
from tests.mixers.test_examples import classes_of, read
from tests.models.odd_blocks import DIFFERENTIAL, SUBTRACTED, write_odd
from tests.models.specs import spec_of
from tests.sampled import sampled


@pytest.mark.parametrize("name", DIFFERENTIAL)
def test_an_attention_that_is_subtracted_from_another_is_read(tmp_path: Path, name: str) -> None:
    checkpoint, source, decoder = read(write_odd(tmp_path, DIFFERENTIAL[name]))
    mixer = decoder.layer.mixer
    assert isinstance(mixer, AttentionSpec)
    assert isinstance(EXAMPLE.spec, AttentionSpec)
    assert mixer.differential is not None
    assert replace(mixer, differential=None, name="mixer") == EXAMPLE.spec
    assert mixer.differential.vectors == ("first_q", "first_k", "second_q", "second_k")
    assert (mixer.differential.norm_name, mixer.differential.norm.form) == ("pair_norm", "rms")
    assert (kept(mixer).heads, kept(mixer).per_head) == (1, 4 * 2 * 32)  # one pair, two keys with each of two values
    rules = weight_map_of(decoder, checkpoint, source)
    proof = prove(rules, checkpoint.tensors, (1, 2))
    assert (proof.findings, proof.unrouted) == ((), ())
    of_q, of_k = (
        next(rule for rule in rules.rules if rule.source.endswith(f"{name}_proj.weight")) for name in ("q", "k")
    )
    assert (of_q.transforms, of_k.transforms) == ((Ungroup(2, (1, 1)),), (Ungroup(2, (1,)),))
    assert list(Ungroup(2, (1, 1)).apply(np.arange(8))) == [0, 1, 4, 5, 2, 3, 6, 7]  # heads of two entries
    assert of_q.parts[0].split.misfit(of_q.parts[0].size, 4)  # two pairs
    context = adapter_context(checkpoint.architecture, "PretrainedConfig", decoder, rules, checkpoint.tensors)
    (loader,) = context["loaders"]["rows"]
    assert '".odd.k_proj.": num_kv_heads' in loader["text"]
    (text,) = classes_of(checkpoint, source, decoder).values()
    assert "2 * self.head_dim, self.total_num_heads // 2, self.total_num_kv_heads // 2" in text
    assert "Attention(2 * self.num_heads, self.head_dim, self.scaling, num_kv_heads=2 * self.num_kv_heads" in text


OTHERS = {
    "another number at the beginning": ("self.first_k)) + self.initial", "self.first_k)) + 0.5"),
    "another factor of the norm": ("(1 - self.initial) *", "1.5 *"),
    "a sum": ("first - factor", "first + factor"),
    "a sum of exponentials": ("factor - torch.exp(", "factor + torch.exp("),
    "layers from 1": ("math.exp(-0.3 * layer_idx)", "math.exp(-0.3 * (layer_idx + 1))"),
    "all values in both": ("value.chunk(2, dim=1)", "(value.chunk(2, dim=1)[0], value.chunk(2, dim=1)[0].tanh())"),
    "heads that lie side by side": ("both.chunk(2, dim=1)", "(both[:, ::2], both[:, 1::2])"),
}


@pytest.mark.parametrize("name", sampled(OTHERS, 3))
def test_another_form_of_it_is_a_hole(tmp_path: Path, name: str) -> None:
    old, new = OTHERS[name]
    ((line, body),) = SUBTRACTED.replaced
    other = replace(SUBTRACTED, made=SUBTRACTED.made.replace(old, new), replaced=((line, body.replace(old, new)),))
    assert other != SUBTRACTED
    assert spec_of(write_odd(tmp_path, other, layers=1)).decoder is None


def test_it_is_a_hole_with_statements_that_would_be_carried_over(tmp_path: Path) -> None:
    other = replace(SUBTRACTED, before="query = query.tanh()")
    assert "two attentions that share q and k" in holes_of(write_odd(tmp_path, other, layers=1))
