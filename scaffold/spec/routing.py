"""How tokens choose experts: the canonical routers, as one computation with options.

This is what vLLM's ``grouped_topk`` and ``fused_topk`` compute
(vllm/model_executor/layers/fused_moe/router/): scores by a scoring function; a correction bias that only
chooses; groups, the best of which may be chosen from; weights from the scores, renormalised or not, scaled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scaffold.source import torch_ops
from scaffold.source.tensors import Array

Scoring = Callable[[Array], Array]

SCORINGS: dict[str, Scoring] = {
    "sigmoid": torch_ops.sigmoid,
    "softmax": torch_ops.softmax,
}


@dataclass(frozen=True)
class Routing:
    """A choice of options. ``num_groups`` 1 means no groups."""

    scoring: str
    num_groups: int
    topk_group: int
    top_k: int
    renormalize: bool
    scaling: float

    def weights(self, logits: Array, correction: Array | None) -> Array:
        """Return the weight of each expert for each token, 0 where it was not chosen: ``[tokens, experts]``."""
        scores = SCORINGS[self.scoring](logits)
        choice = scores if correction is None else scores + correction
        if self.num_groups > 1:
            choice = np.where(self._group_mask(choice, correction is not None), choice, -np.inf)
        chosen = np.argsort(-choice, axis=-1, kind="stable")[:, : self.top_k]
        picked = np.take_along_axis(scores, chosen, axis=-1)
        if self.renormalize:
            picked = picked / picked.sum(-1, keepdims=True)
        weights = np.zeros_like(scores)
        np.put_along_axis(weights, chosen, picked * self.scaling, axis=-1)
        return weights

    def _group_mask(self, choice: Array, corrected: bool) -> Array:
        tokens, experts = choice.shape
        grouped = choice.reshape(tokens, self.num_groups, -1)
        best = np.sort(grouped, axis=-1)[..., -2:].sum(-1) if corrected else grouped.max(-1)
        chosen = np.argsort(-best, axis=-1, kind="stable")[:, : self.topk_group]
        mask = np.zeros_like(best, dtype=bool)
        np.put_along_axis(mask, chosen, True, axis=-1)
        return np.repeat(mask, experts // self.num_groups, axis=-1)


def dense_weights(indices: Array, weights: Array, num_experts: int) -> Array:
    """Spread ``[tokens, top_k]`` weights over ``[tokens, num_experts]``."""
    dense = np.zeros((len(indices), num_experts))
    np.put_along_axis(dense, indices, weights, axis=-1)
    return dense
