"""A vector that a block adds to the sum of what its experts give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scaffold.feed_forwards import experts
from scaffold.feed_forwards.experts.facts import facts
from scaffold.feed_forwards.experts.spec import ExpertsSpec
from tests.carried.test_carried_over import holes_of
from tests.feed_forwards.test_weighted_inputs import read_of
from tests.models.odd_blocks import Odd, write_odd
from tests.report.test_all_in_chinese import is_said

MADE = "self.top_k = config.num_experts_per_tok\n"
VECTORS = f"{MADE}        self.other, self.bias = (nn.Parameter(torch.zeros(config.hidden_size)) for _ in range(2))\n"
VECTOR = f"{MADE}        self.bias = nn.Parameter(torch.zeros(config.hidden_size))\n"
RETURNED = "        return out\n"


def biased(made: str, returned: str) -> Odd:
    return Odd(experts=True, replaced=((MADE, made), (RETURNED, f"        return {returned}\n")))


def test_a_bias_is_added_to_what_experts_give(tmp_path: Path) -> None:
    spec, text = read_of(tmp_path, biased(VECTOR, "out + self.bias"))
    assert isinstance(experts.EXAMPLE.spec, ExpertsSpec)
    assert spec == replace(experts.EXAMPLE.spec, output_bias="bias")
    assert "self.bias = nn.Parameter(torch.empty(config.hidden_size))" in text
    assert "return output + self.bias" in text
    assert "one by one, a bias on their sum" in [fact.value for fact in facts(spec, "")]
    assert is_said("stacked, transposed, a bias on their sum")


def test_a_vector_that_multiplies_is_no_bias(tmp_path: Path) -> None:
    said = holes_of(write_odd(tmp_path, biased(VECTOR, "out * (1 + self.bias)"), layers=1))
    assert "routed experts whose outputs are not weighted sums" in said


def test_two_vectors_are_a_hole(tmp_path: Path) -> None:
    said = holes_of(write_odd(tmp_path, biased(VECTORS, "out + self.bias - self.other"), layers=1))
    assert "routed experts whose outputs are not weighted sums" in said
