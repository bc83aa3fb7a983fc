"""Layers that run more than once, and gates of which no answer depends."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.values import Value
from tests.models.remote.build import read
from tests.sampled import costly, sampled

AGAIN = """
class Again(VelaModel):
    def __init__(self, config):
        super().__init__(config)
        self.leave = nn.Linear(config.hidden_size, 1)
        self.threshold = config.leave_at

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None):
        position_ids = torch.arange(input_ids.shape[1])[None]
        x = self.embed_tokens(input_ids)
        mask = _prepare_4d_causal_attention_mask(attention_mask, input_ids.shape, x, 0)
        results, left = [], []
        for time in range({count}):
            for layer in self.layers:
                x = layer(x, attention_mask=mask, position_ids=position_ids)
            {between}
            results.append(x)
            left.append(torch.sigmoid(self.leave(x)))
        {chosen}
        return BaseModelOutputWithPast(last_hidden_state={last})


VelaModel = Again
"""
FIRST_ABOVE = """there = torch.cat(left, -1) >= self.threshold
        number = torch.argmax(there.float(), -1)
        number = torch.where(there.any(-1), number, len(results) - 1)
        number = number[..., None, None].expand(-1, -1, 1, x.shape[-1])
        x = torch.gather(torch.stack(results, 2), 2, number).squeeze(2)"""
CONFIG = {"times": 3, "leave_at": 1.0, "num_key_value_heads": 4, "num_hidden_layers": 2}
NORMED = {"between": "x = self.norm(x)", "last": "x", "chosen": FIRST_ABOVE}
PLAIN = {"between": "pass", "last": "self.norm(x)"}


def again(directory: Path, transformers: Path, leave_at: float = 1.0, **parts: str):  # type: ignore[no-untyped-def]
    filled = {"count": "self.config.times", "chosen": "pass", **parts}
    return read(directory, transformers, {**CONFIG, "leave_at": leave_at}, classes=AGAIN.format(**filled))


@costly
@pytest.mark.parametrize(("parts", "normed"), sampled([(NORMED, True), (PLAIN, False)], every=2))
def test_layers_that_run_again(parts: dict[str, str], normed: bool, tmp_path: Path, transformers_source: Path) -> None:
    found = again(tmp_path, transformers_source, **parts)
    assert len(found.layers) == 2
    assert found.runs == Value(3, "times")
    assert found.norm_each_run is normed
    assert found.without_effect == ("model.leave",)


@costly
def test_a_number_of_runs_that_no_key_gives(tmp_path: Path, transformers_source: Path) -> None:
    assert again(tmp_path, transformers_source, count="2", **PLAIN).runs == Value(2)


@pytest.mark.parametrize("between", ["x = x * 2", "x = x + self.embed_tokens(input_ids)"])
def test_what_else_happens_between_two_runs_is_a_hole(between: str, tmp_path: Path, transformers_source: Path) -> None:
    with pytest.raises(NotUnderstood, match="between two runs"):
        again(tmp_path, transformers_source, between=between, last="self.norm(x)")


def test_a_gate_has_an_effect_where_it_can_choose_a_run(tmp_path: Path, transformers_source: Path) -> None:
    assert again(tmp_path, transformers_source, leave_at=0.99, **NORMED).without_effect == ()


IN_A_ROW = """
class Twice(VelaModel):
    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None):
        position_ids = torch.arange(input_ids.shape[1])[None]
        x = self.embed_tokens(input_ids)
        mask = _prepare_4d_causal_attention_mask(attention_mask, input_ids.shape, x, 0)
        for number, layer in enumerate(self.layers):
            x = layer(x, attention_mask=mask, position_ids=position_ids)
            x = layer(x, attention_mask=mask, position_ids=position_ids)  # again
        return BaseModelOutputWithPast(last_hidden_state=self.norm(x))


VelaModel = Twice
"""
AGAIN_AT_ONCE = "x = layer(x, attention_mask=mask, position_ids=position_ids)  # again"


def in_a_row(directory: Path, transformers: Path, again: str = AGAIN_AT_ONCE):  # type: ignore[no-untyped-def]
    return read(directory, transformers, CONFIG, classes=IN_A_ROW.replace(AGAIN_AT_ONCE, again))


def test_layers_that_run_twice_in_a_row(tmp_path: Path, transformers_source: Path) -> None:
    found = in_a_row(tmp_path, transformers_source)
    assert len(found.layers) == 2
    assert (found.runs, found.run_in_place, found.norm_each_run) == (Value(2), True, False)


@pytest.mark.parametrize(
    ("again", "hole"),
    [
        ("if number == 0: " + AGAIN_AT_ONCE, r"more than once, each before the next \(.*0: 2 times\)"),
        ("x = layer(2 * x, attention_mask=mask, position_ids=position_ids)", "what happens between"),
    ],
    ids=["not all of them", "on something else"],
)
def test_other_layers_that_run_twice_in_a_row_are_a_hole(
    again: str, hole: str, tmp_path: Path, transformers_source: Path
) -> None:
    with pytest.raises(NotUnderstood, match=hole) as found:
        in_a_row(tmp_path, transformers_source, again)
    assert ":" in found.value.where  # a file with its lines
