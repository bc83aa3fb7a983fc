"""Experts that compute nothing have no idiom: the hole says that there are some."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scaffold.feed_forwards import experts
from scaffold.mixers import grouped_query
from tests.carried.test_carried_over import holes_of
from tests.models.around import write_around
from tests.models.odd_blocks import Odd, write_odd

ROUTER = "self.gate = nn.Linear(config.hidden_size, config.num_experts, bias=False)"
ADDED = """\
            out = out + weight[..., None] * expert(hidden_states)
        for number in range(self.most, self.most + self.zeros):
            weight = weights[..., number] * (chosen == number).any(-1)
            out = out + weight[..., None] * hidden_states"""


def test_a_token_that_takes_itself_is_named(tmp_path: Path) -> None:
    odd = Odd(
        experts=True,
        replaced=(
            (
                ROUTER,
                "self.most, self.zeros = config.num_experts, config.zero_expert_num\n"
                "        self.gate = nn.Linear(config.hidden_size, self.most + self.zeros, bias=False)",
            ),
            (ADDED.splitlines()[0], ADDED),
        ),
        config={"zero_expert_num": 4},
    )
    said = holes_of(write_odd(tmp_path, odd, layers=1))
    assert "experts of which some compute nothing: a token that chooses one gets itself" in said


LONGER = """\
class FeedForward(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.top_k, self.most, self.all = config.num_experts_per_tok, config.num_experts, config.num_experts + 4
        sizes = (config.hidden_size, config.moe_intermediate_size)
        self.gate = nn.Linear(sizes[0], self.all, bias=False)
        self.gate_up = nn.Parameter(torch.empty(self.all, 2 * sizes[1], sizes[0]))
        self.down = nn.Parameter(torch.empty(self.most, sizes[0], sizes[1]))

    def forward(self, hidden_states):
        weights = F.softmax(self.gate(hidden_states), dim=-1)
        chosen = torch.topk(weights, self.top_k, dim=-1).indices
        out = torch.zeros_like(hidden_states)
        for number in range(self.all):
            given = hidden_states
            if number < self.most:
                gate, up = F.linear(hidden_states, self.gate_up[number]).chunk(2, dim=-1)
                given = F.linear(F.silu(gate) * up, self.down[number])
            weight = weights[..., number] * (chosen == number).any(-1)
            out = out + weight[..., None] * given
        return out
"""


def test_it_is_named_where_one_tensor_has_entries_for_experts_that_compute_nothing(tmp_path: Path) -> None:
    made = replace(experts.EXAMPLE, source=LONGER)
    said = holes_of(write_around(tmp_path, {"wide": grouped_query.EXAMPLE}, ["wide"], made))
    assert "experts of which some compute nothing: a token that chooses one gets itself" in said


def test_entries_for_more_experts_than_there_are_have_no_rule(tmp_path: Path) -> None:
    source = LONGER.replace("given = hidden_states\n", "given = 0.0 * hidden_states\n")
    said = holes_of(
        write_around(tmp_path, {"wide": grouped_query.EXAMPLE}, ["wide"], replace(experts.EXAMPLE, source=source))
    )
    assert "routed experts whose outputs are not weighted sums" in said
