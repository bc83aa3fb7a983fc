"""Experts of which some compute nothing: a token that chooses one gets itself, times the weight."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest

from scaffold.adapter.blocks import feed_forwards_of
from scaffold.adapter.context import adapter_context
from scaffold.feed_forwards import experts
from scaffold.feed_forwards.experts.facts import facts
from scaffold.feed_forwards.experts.spec import ExpertsSpec
from scaffold.idioms.frame import NEWEST, Frame
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.mixers import grouped_query
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.layers import LayerSpec
from scaffold.spec.values import Value
from scaffold.weights.emit import loading
from scaffold.weights.rules import WeightMap
from tests.carried.test_carried_over import holes_of
from tests.feed_forwards.read_odd import read_of
from tests.mixers.test_examples import read
from tests.models.around import write_around
from tests.models.odd_blocks import OF_EXPERTS, Odd, write_odd
from tests.sampled import costly, sampled

ODD = OF_EXPERTS["identity experts, with a correction and a factor"]
SCORED = "F.softmax(self.gate(hidden_states), dim=-1)"


def changed(*replaced: tuple[str, str], **config: Any) -> Odd:
    """Return the block with texts of its source replaced."""
    return replace(ODD, replaced=(*ODD.replaced, *replaced), config={**ODD.config, **config})


def test_a_token_gets_itself_from_identity_experts(tmp_path: Path) -> None:
    spec, text = read_of(tmp_path, ODD)
    usual = experts.EXAMPLE.spec
    assert isinstance(usual, ExpertsSpec)
    router = replace(usual.router, correction_bias="shift", scaling=Value(1.75, "routed_scaling_factor"))
    assert spec == replace(usual, identities=Value(4, "zero_expert_num"), router=router)
    assert spec.num_choices == 12
    for line in (
        "self.num_experts + self.num_identities",
        "custom_routing_function=self.route,",
        "scores = torch.softmax(router_logits, dim=-1)",
        "_, chosen = torch.topk(scores + self.gate.e_score_correction_bias, self.top_k, dim=-1)",
        "weights = weights * self.config.routed_scaling_factor",
        "return output + hidden_states * identity.to(hidden_states.dtype)",
    ):
        assert line in text
    assert "routed_scaling_factor=" not in text  # else routed experts would have it twice
    assert "4, of which a token gets itself" in [fact.value for fact in facts(spec, "")]


FORMS = {
    "scored by sigmoid": ((SCORED, "torch.sigmoid(self.gate(hidden_states))"),),
    "without a correction": (
        ("weights + self.shift", "weights"),
        ("        self.shift = nn.Parameter(torch.zeros(self.most + self.zeros))\n", ""),
    ),
    "renormalised over all that are chosen": (
        ("weights = weights * self.factor", "weights = weights / weights.gather(-1, chosen).sum(-1, keepdim=True)"),
    ),
    "in the list of experts, as modules that do nothing": (
        (
            "self.experts = nn.ModuleList([Expert(config) for _ in range(config.num_experts)])",
            "computing = [Expert(config) for _ in range(self.most)]\n"
            "        self.experts = nn.ModuleList(computing + [nn.Identity() for _ in range(self.zeros)])",
        ),
        ("for number in range(self.most, self.most + self.zeros):", "for number in ():"),
    ),
}


@pytest.mark.parametrize("name", sampled(FORMS))
def test_other_forms_of_it_are_read(tmp_path: Path, name: str) -> None:
    spec, text = read_of(tmp_path, changed(*FORMS[name]))
    assert spec.identities == Value(4, "zero_expert_num")
    said = (spec.router.scoring, spec.router.correction_bias, spec.router.renormalize.value)
    assert said == (
        "sigmoid" if "sigmoid" in name else "softmax",
        None if "correction" in name else "shift",
        "renormalised" in name,
    )
    assert ("torch.topk(router_logits" in text) == ("correction" in name)


ITSELF = "out = out + weight[..., None] * hidden_states"
OTHERS = {
    "without the factor": (ITSELF, "out = out + weight[..., None] / self.factor * hidden_states"),
    "twice itself": (ITSELF, "out = out + 2.0 * weight[..., None] * hidden_states"),
    "before the others": ("(chosen == number).any(-1)", "(chosen == (number + self.zeros) % 12).any(-1)"),
    "also where it is not chosen": (ITSELF, "out = out + weights[..., number, None] * hidden_states"),
}


@pytest.mark.parametrize("name", sampled(OTHERS))
def test_what_differs_a_little_is_a_hole(tmp_path: Path, name: str) -> None:
    said = holes_of(write_odd(tmp_path, changed(OTHERS[name]), layers=1))
    assert "a router of no known form, of identity experts too" in said


def test_a_limit_that_no_chosen_expert_reaches_is_a_hole(tmp_path: Path) -> None:
    """The correction chooses: the largest weights are others', and a limit on them shows nowhere."""
    odd = changed(("weights = weights * self.factor", "weights = torch.clamp(weights, max=0.2) * self.factor"))
    said = holes_of(write_odd(tmp_path, odd, layers=1))
    assert "a limit on a router's weights that no chosen expert of a probe reaches" in said


@costly
def test_more_choices_than_experts_that_compute_have_no_idiom(tmp_path: Path) -> None:
    checkpoint, source, decoder = read(write_odd(tmp_path, changed(num_experts_per_tok=10), layers=1))
    rules = weight_map_of(decoder, checkpoint, source)
    with pytest.raises(NotUnderstood, match="tokens that choose more experts than there are to compute"):
        adapter_context(checkpoint.architecture, "PretrainedConfig", decoder, rules, checkpoint.tensors)


LONGER = """\
class FeedForward(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.top_k, self.most = config.num_experts_per_tok, config.num_experts
        self.all = self.most + config.zero_expert_num
        sizes = (config.hidden_size, config.moe_intermediate_size)
        self.gate = nn.Linear(sizes[0], self.all, bias=False)
        self.gate_up = nn.Parameter(torch.empty(self.all, 2 * sizes[1], sizes[0]))
        self.down = nn.Parameter(torch.empty(self.most, sizes[0], sizes[1]))

    def forward(self, hidden_states):
        weights = F.softmax(self.gate(hidden_states), dim=-1)
        chosen = torch.topk(weights, self.top_k, dim=-1).indices
        out = torch.zeros_like(hidden_states)
        for number in range(self.most):
            gate, up = F.linear(hidden_states, self.gate_up[number]).chunk(2, dim=-1)
            given = F.linear(F.silu(gate) * up, self.down[number])
            out = out + (weights[..., number] * (chosen == number).any(-1))[..., None] * given
        for number in range(self.most, self.all):
            out = out + (weights[..., number] * (chosen == number).any(-1))[..., None] * hidden_states
        return out
"""


def test_one_tensor_with_entries_for_identity_experts_has_no_rule(tmp_path: Path) -> None:
    config = {**experts.EXAMPLE.config, "zero_expert_num": 4}
    made = replace(experts.EXAMPLE, source=LONGER, config=config)
    checkpoint, source, decoder = read(write_around(tmp_path, {"wide": grouped_query.EXAMPLE}, ["wide"], made))
    assert isinstance(decoder.layer.feed_forward, ExpertsSpec)
    assert (decoder.layer.feed_forward.identities, decoder.layer.feed_forward.longer) == (
        Value(4, "zero_expert_num"),
        True,
    )
    with pytest.raises(NotUnderstood, match="gate and up of identity experts in one tensor with those of others"):
        weight_map_of(decoder, checkpoint, source)


def test_tensors_of_identity_experts_are_skipped_by_their_number() -> None:
    spec = replace(experts.EXAMPLE.spec, gate_name="", identities=Value(4, "zero_expert_num"), longer=True)
    layer = LayerSpec(grouped_query.EXAMPLE.spec, spec, (), (), ())
    frame = Frame("Nova", "NovaConfig", "hidden_size", {}, NEWEST, WeightMap(()), loading((), (), ("", "")))
    (written,) = feed_forwards_of([layer], frame).written
    (loader,) = written.loaders
    names = [f"layers.1.mlp.experts.{number}.gate_proj.weight" for number in range(12)]
    place: dict[str, Any] = {"Iterable": Iterable, "torch": SimpleNamespace(Tensor=object)}
    exec(dedent(loader.text), place)
    model = SimpleNamespace(config=SimpleNamespace(num_experts=8))
    given = [(name, None) for name in (*names, "layers.1.mlp.gate.weight")]
    kept = [name for name, _ in place[loader.name](model, given, set())]
    assert kept == [*names[:8], "layers.1.mlp.gate.weight"]


@costly
def test_entries_for_more_experts_than_there_are_have_no_rule(tmp_path: Path) -> None:
    config = {**experts.EXAMPLE.config, "zero_expert_num": 4}
    source = LONGER.replace("[..., None] * hidden_states", "[..., None] * 0.0 * hidden_states")
    made = replace(experts.EXAMPLE, source=source, config=config)
    said = holes_of(write_around(tmp_path, {"wide": grouped_query.EXAMPLE}, ["wide"], made))
    assert "routed experts whose outputs are not weighted sums" in said
