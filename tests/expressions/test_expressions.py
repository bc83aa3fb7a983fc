"""Expressions: what Python makes of their text is what they evaluate to, wherever the config is found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.expressions.evaluate import evaluate
from scaffold.expressions.python import shown, write
from scaffold.expressions.tree import (
    ARITHMETIC,
    COMPARISONS,
    HEAD_DIM,
    LAYER,
    NUM_HEADS,
    Binary,
    Choice,
    Compare,
    Entries,
    Expression,
    Item,
    Key,
    Literal,
    Log,
    Name,
    Not,
    key,
    times,
    updated,
)
from scaffold.expressions.uses import keys, needs_layer, words
from tests.rows import each

LAYERS = 4
NUMBERS = ("hidden_size", "eps", "scale")
NAMES = {"head_dim": 24, "num_heads": 12}
RECEIVERS = ("config", "self.config", "config.text_config")

numbers = st.one_of(st.integers(-5, 9), st.floats(-4, 4, allow_nan=False), st.booleans())
configs = st.fixed_dictionaries(
    {
        **dict.fromkeys(NUMBERS, numbers),
        "rope_parameters": st.fixed_dictionaries({"factor": numbers, "a 'quoted\" key": numbers}),
        "sizes": st.lists(numbers, min_size=LAYERS, max_size=LAYERS),
    }
)
leaves = st.one_of(
    numbers.map(Literal),
    st.sampled_from([*map(key, NUMBERS), key("rope_parameters", "factor"), key("rope_parameters", "a 'quoted\" key")]),
    st.sampled_from(list(NAMES)).map(Name),
    st.just(LAYER),
    st.just(Item(key("sizes"), LAYER)),
)
exponents = st.sampled_from([Literal(2), Literal(-0.5), LAYER, Literal(2) ** LAYER, LAYER - 1, Not(LAYER)])
"""Small ones: nine to the power of nine to the power of nine is not computed within a test."""


def _larger(inside: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.one_of(
        st.builds(Binary, st.sampled_from([op for op in ARITHMETIC if op != "**"]), inside, inside),
        st.builds(Binary, st.just("**"), inside, exponents),
        st.builds(Compare, st.sampled_from(COMPARISONS[:6]), inside, inside),
        st.builds(Compare, st.sampled_from(COMPARISONS[6:]), inside, st.lists(numbers, max_size=3).map(_literals)),
        st.builds(Compare, st.sampled_from(COMPARISONS[6:]), inside, st.just(key("sizes"))),
        st.builds(Not, inside),
        st.builds(Choice, inside, inside, inside),
    )


def _literals(values: list[Any]) -> Literal:
    return Literal(tuple(values))


scalars = st.recursive(leaves, _larger, max_leaves=8)
mappings = st.one_of(
    st.just(key("rope_parameters")),
    st.builds(Entries, st.lists(st.tuples(st.text(max_size=3), scalars), max_size=3).map(tuple)),
)
trees = st.one_of(scalars, st.builds(updated, mappings, st.sampled_from(["factor", "rope_theta"]), scalars))


class Recorder(Mapping[str, Any]):
    """A config that notes the paths of all that is looked up; a mapping inside is noted by its keys."""

    def __init__(self, values: Mapping[str, Any], seen: set[tuple[str, ...]], path: tuple[str, ...] = ()) -> None:
        self.values_, self.seen, self.path = values, seen, path

    def __getitem__(self, name: str) -> Any:
        value = self.values_[name]
        self.seen.discard(self.path)
        self.seen.add((*self.path, name))
        return Recorder(value, self.seen, (*self.path, name)) if isinstance(value, dict) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def result(compute: Any) -> Any:
    """Return what a computation gives, or the kind of its error."""
    try:
        found = compute()
    except (ArithmeticError, TypeError, ValueError) as error:
        return type(error)
    return repr(found)  # tells 1 from 1.0 and True, and nan from no nan


def namespace(config: Mapping[str, Any], receiver: str) -> dict[str, Any]:
    """Return the variables of code that finds the config at a receiver."""
    held = SimpleNamespace(**config)
    roots = {
        "config": {"config": held},
        "self.config": {"self": SimpleNamespace(config=held)},
        "config.text_config": {"config": SimpleNamespace(text_config=held)},
    }
    return roots[receiver]


@given(tree=trees, config=configs, layer=st.integers(0, LAYERS - 1), receiver=st.sampled_from(RECEIVERS))
def test_python_computes_what_evaluate_computes(
    tree: Expression, config: dict[str, Any], layer: int, receiver: str
) -> None:
    text = write(tree, receiver, {role: f"total_{role}" for role in NAMES})
    variables = {f"total_{role}": number for role, number in NAMES.items()} | {"layer_idx": layer}
    written = result(lambda: eval(text, {**variables, **namespace(config, receiver)}))
    assert written == result(lambda: evaluate(tree, config, layer, NAMES))


arithmetic = st.recursive(
    leaves, lambda inside: st.builds(Binary, st.sampled_from(("+", "-", "*")), inside, inside), max_leaves=8
)
conditions = st.lists(st.integers(0, LAYERS - 1), min_size=1, max_size=LAYERS - 1, unique=True).map(
    lambda layers: Compare("in", LAYER, Literal(tuple(layers)))
)


@given(
    tree=st.one_of(arithmetic, st.builds(Choice, conditions, arithmetic, arithmetic)),
    config=configs,
)
def test_the_keys_that_a_tree_uses_are_those_that_it_looks_up(tree: Expression, config: dict[str, Any]) -> None:
    seen: set[tuple[str, ...]] = set()
    for layer in range(LAYERS):
        evaluate(tree, Recorder(config, seen), layer, NAMES)
    assert keys(tree) == seen


@given(tree=trees, config=configs)
def test_a_tree_that_needs_no_layer_is_computed_without_one(tree: Expression, config: dict[str, Any]) -> None:
    if not needs_layer(tree):
        assert result(lambda: evaluate(tree, config, None, NAMES)) == result(lambda: evaluate(tree, config, 1, NAMES))


@given(left=arithmetic, right=arithmetic, config=configs)
def test_a_product_is_that_of_its_factors(left: Expression, right: Expression, config: dict[str, Any]) -> None:
    product = evaluate(times(left, right), config, 0, NAMES)
    plain = evaluate(left, config, 0, NAMES) * evaluate(right, config, 0, NAMES)
    assert product == pytest.approx(plain, rel=1e-9, abs=1e-9)


SCALE, SIZE, LIST = key("scale"), key("hidden_size"), key("layer_types")


@each(
    ("tree", "text"),
    [
        (Literal("silu"), '"silu"'),
        (Literal((1,)), "(1,)"),
        (key("rope_parameters", "full"), 'config.rope_parameters["full"]'),
        (SIZE**0.5, "config.hidden_size**0.5"),
        (SCALE / SIZE**0.5, "config.scale / config.hidden_size**0.5"),
        ((SCALE + SIZE) ** -0.5, "(config.scale + config.hidden_size) ** -0.5"),
        (Literal(-2) ** 2, "(-2)**2"),
        ((SIZE**2) ** 3, "(config.hidden_size**2) ** 3"),
        (SIZE - (SCALE - 1), "config.hidden_size - (config.scale - 1)"),
        (1 / SCALE, "1 / config.scale"),
        (HEAD_DIM**-0.5, "self.head_dim**-0.5"),
        (SIZE // NUM_HEADS, "config.hidden_size // heads"),
        (times(SIZE, SCALE / SIZE), "config.hidden_size * config.scale / config.hidden_size"),
        (times(SIZE, SCALE // SIZE), "config.hidden_size * (config.scale // config.hidden_size)"),
        (Compare("==", (LAYER + 1) % SIZE, Literal(0)), "(layer_idx + 1) % config.hidden_size == 0"),
        (Not(Item(LIST, LAYER)), "not config.layer_types[layer_idx]"),
        (0.1 * Log(key("rope_parameters", "factor")) + 1, '0.1 * math.log(config.rope_parameters["factor"]) + 1'),
        (Choice(Compare("==", Item(LIST, LAYER), Literal("full")), Literal(None), SCALE),
         'None if config.layer_types[layer_idx] == "full" else config.scale'),
        (updated(key("rope"), "factor", SCALE), '{**config.rope, "factor": config.scale}'),
        (updated(Entries((("rope_theta", SCALE),)), "factor", SIZE / HEAD_DIM),
         '{"rope_theta": config.scale, "factor": config.hidden_size / self.head_dim}'),
    ],
)  # fmt: skip
def test_an_expression_is_written_as_an_adapter_has_it(tree: Expression, text: str) -> None:
    assert write(tree, names={"head_dim": "self.head_dim", "num_heads": "heads"}) == text


def test_a_receiver_stands_before_every_key() -> None:
    assert write(SCALE / key("rope", "factor"), "self.config") == 'self.config.scale / self.config.rope["factor"]'


def test_a_name_without_a_word_is_an_error() -> None:
    with pytest.raises(LookupError, match="the code around has no head_dim: it has num_heads"):
        write(HEAD_DIM**-0.5, names={"num_heads": "self.num_heads"})
    assert shown(HEAD_DIM**-0.5) == "head_dim**-0.5"


@each("path", [(), ("not a name",), ("class",), ("a.b",), ("x[0]",)])
def test_what_is_no_attribute_is_no_key(path: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="no path into a config"):
        Key(path)


def test_an_unknown_operator_is_an_error() -> None:
    with pytest.raises(ValueError, match="'@' is none of"):
        Binary("@", SIZE, SCALE)
    with pytest.raises(ValueError, match="'is' is none of"):
        Compare("is", SIZE, SCALE)


def test_the_words_of_a_tree_are_its_keys_and_strings() -> None:
    tree = Compare("==", Item(LIST, LAYER), Literal("sliding_attention"))
    assert words(tree) == {"layer_types", "sliding_attention"}


def test_an_expression_of_the_layer_needs_one() -> None:
    with pytest.raises(TypeError, match="needs the number of one"):
        evaluate(Item(LIST, LAYER), {"layer_types": ["full"]})
