"""What two probes agree on: the expression that explains a number in both of them."""

from __future__ import annotations

from dataclasses import dataclass

from scaffold.expressions.tree import LAYER, Item, key
from scaffold.reading.agreement import agreed, outline
from scaffold.spec.values import Value

CONFIGS = ({"heads": 12, "hidden": 144, "sizes": [12, 3]}, {"heads": 16, "hidden": 288, "sizes": [16, 3]})
HEADS, SHARE = Value(8, "heads"), Value(16, None, key("hidden") // key("heads"))


@dataclass(frozen=True)
class Block:
    name: str
    sizes: tuple[Value, ...]
    window: Value | None = None


def test_an_expression_that_fits_by_chance_in_one_probe_gives_way() -> None:
    """144 // 12 is the number of heads, too; 288 // 16 is not."""
    first, second = Block("a", (HEADS, HEADS)), Block("a", (HEADS, SHARE))
    assert agreed(first, second, CONFIGS) == second
    assert agreed(second, first, CONFIGS[::-1]) == second
    assert agreed(first, first, CONFIGS) is first


def test_nothing_is_agreed_on_that_fits_in_none_or_in_both() -> None:
    other = Value(9, None, key("hidden") // 16)
    for one, another in ((HEADS, other), (HEADS, Value(8, None, key("heads") * 1)), (HEADS, Value(12))):
        assert agreed(Block("a", (one,)), Block("a", (another,)), CONFIGS) is None


def test_specs_of_other_forms_differ() -> None:
    block = Block("a", (HEADS,))
    assert agreed(block, Block("b", (HEADS,)), CONFIGS) is None
    assert agreed(block, Block("a", (HEADS, HEADS)), CONFIGS) is None
    assert agreed(block, Block("a", (HEADS,), SHARE), CONFIGS) is None
    assert agreed(Block("a", (HEADS,), SHARE), block, CONFIGS) is None
    assert agreed(block, block.sizes, CONFIGS) is None


def test_what_needs_a_layers_number_is_not_agreed_on() -> None:
    listed = Value(12, None, Item(key("sizes"), LAYER))
    assert agreed(Block("a", (HEADS,)), Block("a", (listed,)), CONFIGS) is None


def test_what_is_agreed_on_has_the_outline_of_both() -> None:
    first, second = Block("a", (HEADS, HEADS)), Block("a", (HEADS, SHARE))
    assert outline(first) == outline(second) == outline(agreed(first, second, CONFIGS))


def test_specs_of_other_forms_have_other_outlines() -> None:
    block = Block("a", (HEADS,))
    others = (Block("b", (HEADS,)), Block("a", (HEADS, HEADS)), Block("a", (HEADS,), SHARE), block.sizes)
    assert all(outline(block) != outline(other) for other in others)
    assert outline(key("heads")) != outline(key("hidden"))


def test_literals_and_what_needs_a_layers_number_are_a_part_of_the_outline() -> None:
    """Nothing else is agreed on in their place."""
    listed = Value(12, None, Item(key("sizes"), LAYER))
    outlines = [outline(Block("a", (one,))) for one in (HEADS, Value(8), Value(9), listed)]
    assert all(one != other for i, one in enumerate(outlines) for other in outlines[:i])
