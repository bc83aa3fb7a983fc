"""Experts that compute nothing have no idiom: the hole says that there are some."""

from __future__ import annotations

from pathlib import Path

from tests.carried.test_carried_over import holes_of
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
