"""Experts with GPT-OSS's activation: its numbers are those of the operations, whatever keys the config has for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.feed_forwards import experts
from scaffold.feed_forwards.experts.spec import ExpertsSpec
from scaffold.feed_forwards.protocol import Example
from scaffold.mixers import grouped_query
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.values import Value
from tests.mixers.test_examples import classes_of, read
from tests.models.around import write_around
from tests.sampled import sampled

SOURCE = """\
class FeedForward(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.top_k, self.steep, self.most = config.num_experts_per_tok, {steep}, {most}
        sizes = (config.num_experts, config.hidden_size, config.moe_intermediate_size)
        self.gate = nn.Linear(sizes[1], sizes[0], bias=False)
        self.gate_up = nn.Parameter(torch.empty(sizes[0], sizes[1], 2 * sizes[2]))
        self.gate_up_bias = nn.Parameter(torch.empty(sizes[0], 2 * sizes[2]))
        self.down = nn.Parameter(torch.empty(sizes[0], sizes[2], sizes[1]))
        self.down_bias = nn.Parameter(torch.empty(sizes[0], sizes[1]))

    def forward(self, hidden_states):
        weights = F.softmax(self.gate(hidden_states), dim=-1)
        chosen = torch.topk(weights, self.top_k, dim=-1).indices
        out = torch.zeros_like(hidden_states)
        for number in range(self.gate.weight.shape[0]):
            both = hidden_states @ self.gate_up[number] + self.gate_up_bias[number]
            gate, up = both[..., 0::2], both[..., 1::2]
            gate, up = {limited}
            inner = (up + 1) * gate * torch.sigmoid(gate * self.steep)
            weight = weights[..., number] * (chosen == number).any(-1)
            out = out + weight[..., None] * (inner @ self.down[number] + self.down_bias[number])
        return out
"""
LIMITED = "gate.clamp(max=self.most), up.clamp(min=-self.most, max=self.most)"
BELOW_TOO = "gate.clamp(min=-self.most, max=self.most), up.clamp(min=-self.most, max=self.most)"
KEYS = {"steepness": 1.702, "swiglu_limit": 7.0}


def example(steep: str = "config.steepness", limited: str = LIMITED, **changed: float) -> Example:
    source = SOURCE.replace("{steep}", steep).replace("{most}", "config.swiglu_limit").replace("{limited}", limited)
    return replace(experts.EXAMPLE, source=source, config={**experts.EXAMPLE.config, **KEYS, **changed})


def read_of(directory: Path, made: Example) -> tuple[ExpertsSpec, str]:
    found = read(write_around(directory, {"wide": grouped_query.EXAMPLE}, ["wide"] * 2, made))
    spec = found[2].layer.feed_forward
    assert isinstance(spec, ExpertsSpec)
    classes_of(*found)
    return spec, str(spec.activation.value)


@pytest.mark.parametrize(
    ("steep", "first"),
    sampled([("config.steepness", Value(1.702, "steepness")), ("1.702", Value(1.702))], every=2),
)
def test_the_numbers_are_those_of_the_operations(tmp_path: Path, steep: str, first: Value) -> None:
    spec, activation = read_of(tmp_path, example(steep))
    assert (activation, spec.alternating, spec.limits) == ("swigluoai", True, (first, Value(7.0, "swiglu_limit")))


def test_numbers_that_vllm_does_not_have_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match=r"swigluoai with the numbers \(1.702, 3.0\): vLLM's has \(1.702, 7.0\)"):
        read_of(tmp_path, example(swiglu_limit=3.0))


def test_a_gate_that_is_limited_from_below_is_another_activation(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="routed experts whose outputs are not weighted sums"):
        read_of(tmp_path, example(limited=BELOW_TOO))
