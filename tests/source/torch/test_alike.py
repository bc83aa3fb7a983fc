"""One layer of each kind runs; what stands in for the others is as good, and what differs is not left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaffold.probing import probe
from scaffold.reading import decoder
from scaffold.source.locate import find
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.drawn import Drawn
from scaffold.source.torch.events import Event
from tests.models.build import CONFIG, write_checkpoint


def probed(
    folder: Path,
    *changes: tuple[str, str],
    check: Callable[[probe.Probe, Event], object] | None = None,
    **config: Any,
) -> probe.Probe:
    """Return the probe of the made-up model with lines of its source replaced."""
    checkpoint = write_checkpoint(folder / "nova", **config)
    file = checkpoint / "modeling_nova.py"
    text = file.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    source = find("NovaForCausalLM", "nova", CONFIG["auto_map"], checkpoint, None)
    assert source is not None
    return probe.run(source, json.loads((checkpoint / "config.json").read_text()), check=check)


def carried_out(found: probe.Probe) -> list[int]:
    """Return the numbers of the layers that ran."""
    return [number for number, event in enumerate(found.runs()[0]) if event.stands_for is None]


def test_of_layers_that_are_alike_the_first_runs_and_the_others_have_its_spec(tmp_path: Path) -> None:
    found = probed(tmp_path, num_hidden_layers=90)
    assert carried_out(found) == [0]
    spec = decoder.read(found)
    assert len(spec.layers) == 90
    assert len(set(spec.layers)) == 1
    events = found.runs()[0]
    for before, event in pairwise(events):
        assert event.tensors()[0] is before.result()
        assert not np.allclose(event.result().a, before.result().a)


def test_what_is_of_no_use_is_never_drawn(tmp_path: Path) -> None:
    found = probed(tmp_path, num_hidden_layers=90)
    first = next(event for event in found.runs()[0] if event.stands_for is None)
    weights = [t for _, t in found.model.saved_tensors() if isinstance(t, Drawn)]
    drawn = [t for t in weights if t._values is not None]
    assert first.module is not None
    assert 0 < len(drawn) <= len(list(first.module.saved_tensors())) + 3


@pytest.mark.parametrize(
    ("change", "ran"),
    [
        (("self.norm_out(hidden_states))", "self.norm_out(hidden_states)) * (1 + self.layer_idx)"), [0, 1, 2, 3]),
        (("self.norm_out(hidden_states))", "self.norm_out(hidden_states)) * self.kinds[0]"), [0, 1]),
        (("angles.sin()), mask)", "angles.sin()), mask if i != 3 else None)"), [0, 1, 3]),
    ],
)
def test_a_layer_that_uses_its_number_or_differs_runs(tmp_path: Path, change: tuple[str, str], ran: list[int]) -> None:
    number = (
        "self.attention = NovaAttention(config, layer_idx)",
        "self.attention = NovaAttention(config, layer_idx)\n"
        "        self.layer_idx, self.kinds = layer_idx, [layer_idx % 2]",
    )
    loop = ("for layer in self.layers:", "for i, layer in enumerate(self.layers):")
    assert carried_out(probed(tmp_path, number, loop, change, num_hidden_layers=4)) == ran


CALL = "layer(hidden_states, (angles.cos(), angles.sin()), mask"
SUM = "hidden_states + self.ffn(self.norm_out(hidden_states))"
LAST = f"return {SUM}"


def test_what_a_layer_hands_on_to_the_next_is_as_its_hidden_states(tmp_path: Path) -> None:
    found = probed(
        tmp_path,
        ("position_embeddings, attention_mask=None):\n        hidden_states =",
         "position_embeddings, attention_mask=None, chosen=None):\n        hidden_states ="),
        (LAST, f"hidden_states = {SUM}\n        return hidden_states, hidden_states.argmax(-1)"),
        ("for layer in self.layers:", "chosen = None\n        for layer in self.layers:"),
        (f"hidden_states = {CALL}", f"hidden_states, chosen = {CALL}, chosen"),
        num_hidden_layers=6,
    )  # fmt: skip
    assert carried_out(found) == [0, 1]
    assert len(set(decoder.read(found).layers)) == 1


def test_the_first_layer_that_no_other_stands_in_for_is_checked_before_the_rest_runs(tmp_path: Path) -> None:
    checked: list[tuple[str, int]] = []

    def check(so_far: probe.Probe, event: Event) -> None:
        checked.append((so_far.path(event.module), len(so_far.root.inside)))
        raise NotUnderstood("an odd layer", event.where)

    numbered = (LAST, f"{LAST} * (1 + self.layer_idx)")
    kept = ("self.norm_out = ", "self.layer_idx = layer_idx\n        self.norm_out = ")
    with pytest.raises(NotUnderstood, match="an odd layer"):
        probed(tmp_path, numbered, kept, check=check, num_hidden_layers=9)
    assert [path for path, _ in checked] == ["model.layers.0"]


@pytest.mark.parametrize(
    ("kept", "ran"),
    [
        ("self.table, self.length = torch.arange(40).float().cos(), 40", [0]),
        ("self.last = hidden_states.mean(dim=1)", [0, 1, 2, 3]),
        ("self.length = [hidden_states.shape[1]]", [0, 1, 2, 3]),
    ],
)
def test_a_table_that_a_layer_makes_when_it_is_called_first_is_no_trace(
    tmp_path: Path, kept: str, ran: list[int]
) -> None:
    assert carried_out(probed(tmp_path, (LAST, f"{kept}\n        {LAST}"), num_hidden_layers=4)) == ran


@pytest.mark.parametrize("name", ["layer_idx", "layer_id", "block_idx", "layer_number"])
def test_the_number_of_a_layer_alone_makes_no_difference(tmp_path: Path, name: str) -> None:
    kept = ("self.norm_out = ", f"self.{name} = layer_idx\n        self.norm_out = ")
    assert carried_out(probed(tmp_path, kept, num_hidden_layers=4)) == [0]
    used = (LAST, f"{LAST} * (1 + self.{name})")
    assert carried_out(probed(tmp_path, kept, used, num_hidden_layers=4)) == [0, 1, 2, 3]
