"""How tokens choose experts: the canonical routers, as one computation with options.

This is what vLLM's ``grouped_topk`` and ``fused_topk`` compute
(vllm/model_executor/layers/fused_moe/router/): scores by a scoring function; a correction bias that only
chooses; groups, the best of which may be chosen from; weights from the scores, renormalised or not, scaled.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np

from scaffold.probing.numbers import explain
from scaffold.probing.probe import Probe
from scaffold.source.python.shadows import is_number
from scaffold.source.torch import torch_ops
from scaffold.source.torch.tensors import Array
from scaffold.spec.values import Value
from scaffold.vocabulary.lookup import spellings

Scoring = Callable[[Array], Array]

SCORINGS: dict[str, Scoring] = {
    "sigmoid": torch_ops.sigmoid,
    "softmax": torch_ops.softmax,
}
SPARSE_MIXER = "sparse_mixer"
JITTER = 0.01
"""What vLLM's ``phimoe_routing_function`` has as a constant (vllm/model_executor/models/phimoe.py)."""
ROUNDING = 1e-6
"""Sources add an epsilon such as 1e-20 to a sum before they divide by it; that much may differ."""


@dataclass(frozen=True)
class Routing:
    """A choice of options. ``num_groups`` 1 means no groups."""

    scoring: str
    num_groups: int
    topk_group: int
    top_k: int
    renormalize: bool

    def weights(self, logits: Array, correction: Array | None) -> Array:
        """Return the weight of each expert for each token, 0 where it was not chosen: ``[tokens, experts]``."""
        if self.scoring == SPARSE_MIXER:
            return sparse_mixer(logits)
        scores = SCORINGS[self.scoring](logits)
        choice = scores if correction is None else scores + correction
        if self.num_groups > 1:
            choice = np.where(self._group_mask(choice, correction is not None), choice, -np.inf)
        chosen = np.argsort(-choice, axis=-1, kind="stable")[:, : self.top_k]
        picked = np.take_along_axis(scores, chosen, axis=-1)
        if self.renormalize:
            picked = picked / picked.sum(-1, keepdims=True)
        weights = np.zeros_like(scores)
        np.put_along_axis(weights, chosen, picked, axis=-1)
        return weights

    def _group_mask(self, choice: Array, corrected: bool) -> Array:
        tokens, experts = choice.shape
        grouped = choice.reshape(tokens, self.num_groups, -1)
        best = np.sort(grouped, axis=-1)[..., -2:].sum(-1) if corrected else grouped.max(-1)
        chosen = np.argsort(-best, axis=-1, kind="stable")[:, : self.topk_group]
        mask = np.zeros_like(best, dtype=bool)
        np.put_along_axis(mask, chosen, True, axis=-1)
        return np.repeat(mask, experts // self.num_groups, axis=-1)


def sparse_mixer(logits: Array) -> Array:
    """Return the weights of PhiMoE's router: two experts, each weighted among those close to the best one left.

    Source: vllm/model_executor/models/phimoe.py, ``sparsemixer``.
    """
    weights = np.zeros_like(logits)
    left = logits.copy()
    for _ in range(2):
        best = left.max(axis=-1, keepdims=True)
        factor = np.maximum(np.abs(logits), best)
        near = np.where((best - logits) / factor > 2 * JITTER, -np.inf, left)
        chosen = left.argmax(axis=-1)[:, None]
        np.put_along_axis(weights, chosen, np.take_along_axis(torch_ops.softmax(near), chosen, axis=-1), axis=-1)
        np.put_along_axis(left, chosen, -np.inf, axis=-1)
    return weights


@dataclass(frozen=True)
class Found:
    """The options of a router, with their config keys."""

    routing: Routing
    renormalize: Value
    scaling: Value
    num_groups: Value | None
    topk_group: Value | None


def identify(probe: Probe, logits: Array, correction: Array | None, dense: Array) -> Found | None:
    """Return the options with which logits give the weights ``dense`` ``[tokens, experts]``, or None."""
    counts = (np.abs(dense) > 1e-12).sum(axis=1)
    if counts.min() != counts.max():
        return None
    scorings = (*SCORINGS, SPARSE_MIXER) if counts[0] == 2 and correction is None else tuple(SCORINGS)
    for scoring, renormalize, groups in product(scorings, (True, False), _groups(probe, logits.shape[-1])):
        if scoring == SPARSE_MIXER and (renormalize or groups[2] is not None):
            continue
        routing = Routing(scoring, groups[0], groups[1], int(counts[0]), renormalize)
        scaling = _scaling(probe, routing.weights(logits, correction), dense)
        if scaling is not None:
            return Found(routing, _switch(probe, renormalize), scaling, groups[2], groups[3])
    return None


def identify_with_identities(probe: Probe, logits: Array, correction: Array | None, dense: Array) -> Found | None:
    """Return the options of a router, without groups, some of whose choices are identity experts, or None.

    Args:
        probe: the probe.
        logits: ``[tokens, choices]``, those of identity experts last.
        correction: ``[choices]``.
        dense: the weight of each other expert, then the sum of those of identity experts, ``[tokens, experts + 1]``.
    """
    experts = dense.shape[1] - 1
    fewest = max(1, int((np.abs(dense[:, :experts]) > 1e-12).sum(axis=1).max()))
    counts = range(fewest, logits.shape[1] + 1)  # how many identity experts a token has chosen no sum tells
    for scoring, renormalize, top_k in product(SCORINGS, (True, False), counts):
        routing = Routing(scoring, 1, 1, top_k, renormalize)
        weights = routing.weights(logits, correction)
        summed = np.concatenate([weights[:, :experts], weights[:, experts:].sum(axis=1, keepdims=True)], axis=1)
        scaling = _scaling(probe, summed, dense)
        if scaling is not None:
            return Found(routing, _switch(probe, renormalize), scaling, None, None)
    return None


def _scaling(probe: Probe, computed: Array, dense: Array) -> Value | None:
    """Return the factor between what a router would give and what was given; None if that is no factor of a config."""
    if not np.array_equal(computed > 0, dense > 1e-12):
        return None
    factor = float(dense.sum() / computed.sum())
    if not np.allclose(computed * factor, dense, rtol=ROUNDING, atol=ROUNDING * dense.max()):
        return None
    return Value(1.0) if abs(factor - 1) < ROUNDING else explain(probe, factor)


def plain(probe: Probe, num_experts: int) -> Iterator[Found]:
    """Yield the routers of so many experts without groups and a factor that choose as many as the config says."""
    key = probe.key("top_k")
    top_k = probe.small.attributes[key] if key is not None else None
    if not isinstance(top_k, int) or not 0 < top_k <= num_experts:
        return
    for scoring, renormalize in product(SCORINGS, (True, False)):
        routing = Routing(scoring, 1, 1, top_k, renormalize)
        yield Found(routing, _switch(probe, renormalize), Value(1.0), None, None)


def _groups(probe: Probe, num_experts: int) -> Iterator[tuple[int, int, Value | None, Value | None]]:
    """Yield the groups that the config has; then none, unless it has one that the source asks for.

    One group is as good as none, but the router of such a source has groups, and other checkpoints of it have more.
    Where the config says it in words of its own, any two keys of groups may be their number and that of the best.
    """
    keys = tuple(probe.key(role) for role in ("num_groups", "topk_group"))
    counts = [probe.small.attributes[key] for key in keys if key is not None]
    if len(counts) < len(keys) or not all(isinstance(count, int) and count > 0 for count in counts):
        yield 1, 1, None, None
        own = {key: value for key, value in probe.small.attributes.items() if "group" in key and is_number(value)}
        for (first, groups), (second, best) in permutations(own.items(), 2):
            if (
                isinstance(groups, int)
                and isinstance(best, int)
                and groups > 1
                and num_experts % groups == 0
                and 0 < best < groups
            ):
                yield groups, best, Value(probe.completed[first], first), Value(probe.completed[second], second)
        return
    values = [Value(probe.completed[key], key) for key in keys if key is not None]
    if counts[0] > 1 or _names(probe.source.file.tree) >= {key for key in keys if key is not None}:
        yield counts[0], counts[1], values[0], values[1]
    yield 1, 1, None, None


def _names(tree: ast.Module) -> set[str]:
    """Return the attributes that modeling source names, as ``config.n_group`` or ``getattr(config, "n_group")``."""
    nodes = [*ast.walk(tree)]
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return attributes | {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _switch(probe: Probe, renormalize: bool) -> Value:
    key = next((k for k in spellings("norm_topk_prob") if isinstance(probe.completed.get(k), bool)), None)
    return Value(renormalize, key if key and probe.completed[key] == renormalize else None)
