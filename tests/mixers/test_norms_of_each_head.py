"""Norms of q and k of which each head has its own: in the order of the heads, each rank with those of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.idioms.head_norms import head_norms
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.mixers.grouped_query.spec import AttentionSpec
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.norms import NormSpec
from scaffold.spec.values import Value
from scaffold.weights.prove import prove
from tests.carried.test_carried_over import holes_of
from tests.mixers.test_examples import classes_of, read
from tests.models.odd_blocks import OF_HEADS, write_odd

LISTS = {
    "norms of single heads, in modules": ("q_norm.norms", "k_norm.norms", "layer_no_bias", True),
    "norms of single heads, vectors in a list": ("q_norms", "k_norms", "rms", False),
}


@pytest.mark.parametrize("name", LISTS)
def test_each_head_has_a_norm_of_its_own(tmp_path: Path, name: str) -> None:
    """Of two layers, as there are two heads of k: the list of norms is not taken for that of layers."""
    q_list, k_list, form, before = LISTS[name]
    checkpoint, source, decoder = read(write_odd(tmp_path, OF_HEADS[name]))
    mixer = decoder.layer.mixer
    assert isinstance(mixer, AttentionSpec)
    norm = mixer.qk_norm
    assert norm is not None
    assert (norm.q_name, norm.k_name, norm.norm.form) == (q_list, k_list, form)
    assert (norm.of_each, norm.per_head, norm.before_rope) == (True, True, before)
    rules = weight_map_of(decoder, checkpoint, source)
    proof = prove(rules, checkpoint.tensors, (1, 2, 4))
    assert (proof.findings, proof.unrouted) == ((), ())
    (rule,) = (rule for rule in rules.rules if ".q_norm" in rule.source)
    assert (rule.ranges["head"], rule.shape) == (range(4), (32,))
    texts = classes_of(checkpoint, source, decoder)
    assert list(texts) == ["CorvusHeadNorms", "CorvusAttention"]
    q_name = q_list.replace(".", "_")
    assert f"self.{q_name} = CorvusHeadNorms((" in texts["CorvusAttention"]
    assert f"q = self.{q_name}(q).flatten(-2, -1)" in texts["CorvusAttention"]


def test_norms_in_another_order_than_the_heads_are_a_hole(tmp_path: Path) -> None:
    directory = write_odd(tmp_path, OF_HEADS["norms of single heads, vectors in a list"], layers=1)
    source = directory / "modeling_corvus.py"
    changed = source.read_text().replace("enumerate(self.q_norms)", "enumerate(self.q_norms[::-1])")
    assert changed != source.read_text()
    source.write_text(changed)
    assert "order of the heads" in holes_of(directory)


def test_a_form_of_norm_without_an_idiom_for_lists_is_a_hole() -> None:
    with pytest.raises(NotUnderstood, match="rms_no_weight"):
        head_norms(NormSpec("rms_no_weight", Value(1e-5)), "Corvus")
