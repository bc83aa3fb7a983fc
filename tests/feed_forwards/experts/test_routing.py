"""Routers: the options against a plain loop, and each combination of them found again."""

from __future__ import annotations

import ast
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scaffold.feed_forwards.experts.routing import SPARSE_MIXER, Routing, identify, sparse_mixer
from tests.rows import each

EXPERTS, TOKENS = 12, 11
GROUPS = {"n_group": 4, "topk_group": 2}
OPTIONS = [
    Routing(scoring, groups, topk_group, 3, renormalize)
    for scoring in ("softmax", "sigmoid")
    for groups, topk_group in ((1, 1), (4, 2))
    for renormalize in (True, False)
]


def scores_of(scoring: str, logits: list[float]) -> list[float]:
    if scoring == "sigmoid":
        return [1 / (1 + math.exp(-x)) for x in logits]
    total = sum(math.exp(x) for x in logits)
    return [math.exp(x) / total for x in logits]


def routed(options: Routing, logits: list[float], correction: list[float] | None) -> list[float]:
    """Return the weights of one token's experts, as DeepSeek-V3's router is described."""
    scores = scores_of(options.scoring, logits)
    choice = [s + c for s, c in zip(scores, correction or [0.0] * len(scores))]
    size = len(scores) // options.num_groups
    groups = [range(g * size, (g + 1) * size) for g in range(options.num_groups)]

    def worth(group: range) -> float:
        best = sorted((choice[e] for e in group), reverse=True)
        return sum(best[:2]) if correction else best[0]

    kept = sorted(groups, key=worth, reverse=True)[: options.topk_group]
    chosen = sorted((e for group in kept for e in group), key=lambda e: choice[e], reverse=True)[: options.top_k]
    total = sum(scores[e] for e in chosen) if options.renormalize else 1.0
    return [scores[e] / total if e in chosen else 0.0 for e in range(len(scores))]


@given(options=st.sampled_from(OPTIONS), corrected=st.booleans(), seed=st.integers(0, 10_000))
def test_weights_are_those_of_the_plain_loop(options: Routing, corrected: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits, correction = rng.normal(size=(TOKENS, EXPERTS)), rng.normal(size=EXPERTS)
    found = options.weights(logits, correction if corrected else None)
    expected = [routed(options, row.tolist(), correction.tolist() if corrected else None) for row in logits]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def probe(source: str = "", **config: Any) -> Any:
    """Return what is asked of a probe: its sizes and its config, which are equal here, and its source."""
    roles = {"num_groups": "n_group", "topk_group": "topk_group"}
    return SimpleNamespace(
        completed=config,
        small=SimpleNamespace(attributes=config),
        key=lambda role: roles[role] if roles[role] in config else None,
        literals_first=True,
        source=SimpleNamespace(file=SimpleNamespace(tree=ast.parse(source))),
    )


@given(
    options=st.sampled_from(OPTIONS),
    corrected=st.booleans(),
    scaling=st.sampled_from([1.0, 2.53]),
    seed=st.integers(0, 10_000),
)
def test_each_combination_of_options_is_found_again(
    options: Routing, corrected: bool, scaling: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    logits, correction = rng.normal(size=(TOKENS, EXPERTS)), rng.normal(size=EXPERTS) if corrected else None
    dense = options.weights(logits, correction) * scaling
    grouped = options.num_groups > 1
    config = {"norm_topk_prob": options.renormalize, "routed_scaling_factor": 2.53, **(GROUPS if grouped else {})}
    found = identify(probe(**config), logits, correction, dense)
    assert found is not None
    np.testing.assert_allclose(found.routing.weights(logits, correction) * found.scaling.value, dense, rtol=1e-6)
    assert found.routing.top_k == options.top_k
    assert (found.num_groups is not None) == grouped
    if found.routing == options:  # softmax after top-k is the same as renormalised softmax before it
        assert found.renormalize.key == "norm_topk_prob"
        assert found.scaling.key == (None if scaling == 1.0 else "routed_scaling_factor")


@each("options", OPTIONS, ids=str)
def test_a_router_with_another_rule_is_none_of_them(options: Routing) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(TOKENS, EXPERTS))
    dense = options.weights(logits, None)
    config = {"norm_topk_prob": True, **GROUPS}
    assert identify(probe(**config), logits, None, dense**1.5) is None
    assert identify(probe(**config), logits, None, np.roll(dense, 1, axis=1)) is None
    varying = dense.copy()
    varying[0, varying[0].argmax()] = 0.0
    assert identify(probe(**config), logits, None, varying) is None


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("groups = config.n_group, config.topk_group", "n_group"),
        ('groups = getattr(config, "n_group", 1), config.topk_group', "n_group"),
        ("groups = config.n_group", None),
        ("", None),
    ],
)
def test_one_group_is_the_configs_where_the_source_asks_for_it(source: str, key: str | None) -> None:
    """Other checkpoints of such a model have more groups, and one that the source passes over is none."""
    logits = np.random.default_rng(3).normal(size=(TOKENS, EXPERTS))
    found = identify(probe(source, n_group=1, topk_group=1), logits, None, OPTIONS[0].weights(logits, None))
    assert found is not None
    assert (None if found.num_groups is None else found.num_groups.key) == key
    assert found.routing.num_groups == 1


def test_a_factor_that_nothing_gives_is_none_of_them() -> None:
    logits = np.random.default_rng(2).normal(size=(TOKENS, EXPERTS))
    dense = OPTIONS[0].weights(logits, None) * math.pi
    assert identify(probe(norm_topk_prob=True), logits, None, dense) is None


@given(seed=st.integers(0, 10_000))
def test_sparse_mixer_weighs_each_of_two_among_those_near_to_it(seed: int) -> None:
    logits = np.random.default_rng(seed).normal(size=EXPERTS)
    order = np.argsort(-logits)
    assume(abs(logits[order[0]]) > 1e-3)
    expected = np.zeros(EXPERTS)
    left = list(range(EXPERTS))
    for expert in order[:2]:
        best = logits[expert]
        near = [e for e in left if (best - logits[e]) / max(abs(logits[e]), best) <= 0.02]
        expected[expert] = math.exp(best) / sum(math.exp(logits[e]) for e in near)
        left.remove(expert)
    np.testing.assert_allclose(sparse_mixer(logits[None])[0], expected, rtol=1e-12)
    found = identify(probe(), np.tile(logits, (3, 1)), None, np.tile(expected, (3, 1)))
    assert found is not None
    if found.routing.scoring != SPARSE_MIXER:  # nothing near: both weights are 1
        np.testing.assert_allclose(expected[order[:2]], found.routing.weights(logits[None], None)[0, order[:2]])
