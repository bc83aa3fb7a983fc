"""How a layer chooses between kinds of feed-forward blocks, and which classes an adapter has for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from scaffold.adapter.blocks import feed_forwards_of
from scaffold.feed_forwards import experts, mlp
from scaffold.idioms.frame import NEWEST, Frame
from scaffold.mixers import grouped_query
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.layers import FeedForwardSpec, LayerSpec
from scaffold.weights.emit import loading
from scaffold.weights.rules import WeightMap

DENSE, ROUTED = mlp.EXAMPLE.spec, experts.EXAMPLE.spec
SHARED = replace(ROUTED, shared=replace(DENSE, name="shared"))
CONFIG = {"num_hidden_layers": 3, "first_k_dense_replace": 1}
FRAME = Frame("Nova", "NovaConfig", "hidden_size", CONFIG, NEWEST, WeightMap(()), loading((), (), ("", "")))


def layers(blocks: Sequence[FeedForwardSpec]) -> list[LayerSpec]:
    return [LayerSpec(grouped_query.EXAMPLE.spec, block, (), (), ()) for block in blocks]


def classes(texts: Sequence[str]) -> list[str]:
    return [line.split()[1].split("(")[0] for text in texts for line in text.splitlines() if line.startswith("class")]


@pytest.mark.parametrize(
    ("blocks", "names", "choices"),
    [
        ([DENSE] * 3, ["NovaMLP"], [("", "NovaMLP")]),
        ([ROUTED] * 3, ["NovaMoE"], [("", "NovaMoE")]),
        ([SHARED] * 3, ["NovaMLP", "NovaMoE"], [("", "NovaMoE")]),
        (
            [DENSE, ROUTED, ROUTED],
            ["NovaMLP", "NovaMoE"],
            [("layer_idx >= config.first_k_dense_replace", "NovaMoE"), ("", "NovaMLP")],
        ),
    ],
    ids=["dense", "routed", "shared inside of routed", "both"],
)
def test_each_kind_has_a_class_and_each_layer_its_choice(
    blocks: list[FeedForwardSpec], names: list[str], choices: list[tuple[str, str]]
) -> None:
    found = feed_forwards_of(layers(blocks), FRAME)
    assert classes([one.text for one in found.written]) == names
    lines = [f"self.feed_forward = {name}(" for _, name in choices]
    assert [(choice.condition, choice.lines[0]) for choice in found.choices] == [
        (condition, line) for (condition, _), line in zip(choices, lines)
    ]
    assert (found.setup, found.call, found.pick) == ((), "self.feed_forward", ())


def test_kinds_under_different_names_are_chosen_in_forward() -> None:
    routed = replace(ROUTED, name="moe")
    found = feed_forwards_of(layers([DENSE, routed, routed]), FRAME)
    assert found.setup == ("self.has_moe = layer_idx >= config.first_k_dense_replace",)
    assert [(choice.condition, choice.lines[0]) for choice in found.choices] == [
        ("self.has_moe", "self.moe = NovaMoE("),
        ("", "self.feed_forward = NovaMLP("),
    ]
    assert found.pick == ("feed_forward = self.moe if self.has_moe else self.feed_forward",)
    assert found.call == "feed_forward"


def test_one_kind_under_two_names_is_a_hole() -> None:
    with pytest.raises(NotUnderstood, match="blocks of one kind that have different names"):
        feed_forwards_of(layers([DENSE, replace(DENSE, name="mlp")]), FRAME)
