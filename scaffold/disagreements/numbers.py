"""Numbers of the config that no model can have: they contradict each other, or leave nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import Subject
from scaffold.vocabulary.lookup import at

KIND = "numbers"
BETWEEN = "the config contradicts itself"
REMEDY = "take config.json from the repository that the weights are from"


@dataclass(frozen=True)
class Relation:
    """A row: two roles, when their numbers do not go together, and why."""

    first: str
    second: str
    wrong: Callable[[int, int], bool]
    why: str


RELATIONS = (
    Relation("top_k", "num_experts", lambda chosen, of: chosen > of > 0, "a token goes to some of them"),
    Relation("top_k", "num_experts", lambda chosen, of: chosen < 1 < of, "a token has to go to an expert"),
    Relation("topk_group", "num_groups", lambda chosen, of: chosen > of > 0, "some of the groups are chosen"),
    Relation("num_experts", "num_groups", lambda of, groups: groups > 0 < of % groups, "groups are of one size"),
    Relation(
        "num_heads", "num_kv_heads", lambda heads, kv: kv > 0 < heads % kv,
        "each KV head serves the same number of heads",
    ),
)  # fmt: skip
FACTORS = (
    "logits_scaling", "logit_scale", "embedding_multiplier", "residual_multiplier", "attention_multiplier",
    "lm_head_multiplier", "key_multiplier", "scale_emb", "scale_depth", "dim_model_base", "query_pre_attn_scalar",
    "rope_theta",
)  # fmt: skip
"""Keys of numbers by which something of the model is multiplied or divided."""
OTHERWISE = ("kv_lora_rank", "block_configs", "layers_block_type", "linear_attn_config", "hybrid_override_pattern")
"""Keys of models whose heads are of several kinds, or whose KV heads are none of the cache's."""


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield them: the tensors need not show any of it, and an implementation fails at its start or answers nothing."""
    for row in RELATIONS:
        if row.second == "num_kv_heads" and any(subject.text.get(key) is not None for key in OTHERWISE):
            continue
        first, second = subject.whole_number(row.first), subject.whole_number(row.second)
        if first is not None and second is not None and row.wrong(first, second):
            keys = (subject.key(row.first) or row.first, subject.key(row.second) or row.second)
            yield _found(subject.said(keys[0]), subject.said(keys[1]), row.why)
    for key in FACTORS:
        value = at(subject.text, key)
        if isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
            beside = Said(subject.said(key).where, "the model multiplies or divides by it")
            yield _found(subject.said(key), beside, "0 leaves nothing of what it computes")


def _found(first: Said, second: Said, why: str) -> Disagreement:
    return Disagreement(KIND, first, second, serves=why, remedy=REMEDY, decides=True, between=BETWEEN)
