"""Experts that are given the weighted token: what they make is added up as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.feed_forwards import experts
from scaffold.feed_forwards.experts.facts import facts
from scaffold.feed_forwards.experts.spec import ExpertsSpec
from tests.carried.test_carried_over import holes_of
from tests.feed_forwards.read_odd import read_of
from tests.models.odd_blocks import OF_EXPERTS, write_odd
from tests.sampled import sampled

ODD = OF_EXPERTS["experts of which each is given the weighted token"]
SHARED = (
    (
        "self.top_k = config.num_experts_per_tok\n",
        "self.top_k = config.num_experts_per_tok\n        self.beside = Expert(config)\n",
    ),
    ("        return out\n", "        return out + self.beside(hidden_states)\n"),
)
RENORMALISED = (
    (
        ODD.replaced[0][0],
        "F.softmax(self.gate(hidden_states), dim=-1)\n"
        "        best = torch.topk(weights, self.top_k, dim=-1).values\n"
        "        weights = weights / best.sum(dim=-1, keepdim=True)",
    ),
    ODD.replaced[1],
)
OTHERS = {
    "of the logits' tanh": ("torch.sigmoid(self.gate(hidden_states))", "torch.tanh(self.gate(hidden_states)) + 1"),
    "before and behind": ("out + expert(", "out + weight[..., None] * expert("),
    "of one expert more": ("(chosen == number).any(-1)", "(chosen >= number).any(-1)"),
}


def test_a_token_is_weighted_before_its_experts(tmp_path: Path) -> None:
    spec, text = read_of(tmp_path, ODD)
    usual = experts.EXAMPLE.spec
    assert isinstance(usual, ExpertsSpec)
    assert spec == replace(usual, weighs_input=True, router=replace(usual.router, scoring="sigmoid"))
    assert "weights = torch.sigmoid(logits)" in text
    assert "output = self.experts(hidden_states=weighted, router_logits=only)" in text
    assert "if self.top_k > 1 and (" in text
    assert "parallel_config.enable_expert_parallel" in text
    said = [fact.value for fact in facts(spec, "")]
    assert "one by one, given their input weighted" in said


def test_shared_experts_are_given_the_token_as_it_is(tmp_path: Path) -> None:
    spec, text = read_of(tmp_path, replace(ODD, replaced=(*RENORMALISED, *SHARED)))
    assert (spec.weighs_input, spec.router.scoring, spec.router.renormalize.value) == (True, "softmax", True)
    assert spec.shared is not None
    assert "weights = weights / weights.sum(dim=-1, keepdim=True)" in text
    assert "return self.beside(hidden_states) + output" in text
    assert "shared_experts=" not in text
    assert "reduce_results=False" not in text


@pytest.mark.parametrize("name", sampled(OTHERS, every=2))
def test_other_weights_are_a_hole(tmp_path: Path, name: str) -> None:
    replaced = (*ODD.replaced, OTHERS[name])
    said = holes_of(write_odd(tmp_path, replace(ODD, replaced=replaced), layers=1))
    assert "routed experts whose outputs are not weighted sums" in said
