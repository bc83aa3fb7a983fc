"""Numbers of a config that contradict each other, or leave nothing of the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.disagreements.llama import found

CASES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"num_experts_per_tok": 5, "num_local_experts": 4},
     "num_experts_per_tok is 5, and num_local_experts is 4: a token goes to some of them"),
    ({"num_experts_per_tok": 0, "num_local_experts": 4},
     "num_experts_per_tok is 0, and num_local_experts is 4: a token has to go to an expert"),
    ({"topk_group": 3, "n_group": 2}, "topk_group is 3, and n_group is 2: some of the groups are chosen"),
    ({"n_routed_experts": 6, "n_group": 4}, "n_routed_experts is 6, and n_group is 4: groups are of one size"),
    ({"logits_scaling": 0},
     "logits_scaling is 0, and the model multiplies or divides by it: 0 leaves nothing of what it computes"),
    ({"attention_multiplier": 0.0},
     "attention_multiplier is 0.0, and the model multiplies or divides by it: 0 leaves nothing of what it computes"),
)  # fmt: skip


@pytest.mark.parametrize(("changed", "sentence"), CASES, ids=[str(case[0]) for case in CASES])
def test_no_strategy_holds_with_numbers_that_no_model_has(
    changed: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    one = next(one for one in found(tmp_path, **changed) if one.kind == "numbers")
    assert (str(one), one.decides, one.answers) == (sentence, True, ())
    assert one.between == "the config contradicts itself"


def test_heads_that_kv_heads_cannot_serve_evenly(tmp_path: Path) -> None:
    kinds = [one.kind for one in found(tmp_path, num_attention_heads=4, num_key_value_heads=3)]
    assert kinds[0] == "numbers"


@pytest.mark.parametrize(
    "changed",
    [
        {"num_experts_per_tok": 4, "num_local_experts": 4},
        {"num_experts_per_tok": 2, "num_experts": 0},
        {"topk_group": 1, "n_group": 1, "n_routed_experts": 7},
        {"logits_scaling": 8.0},
        {"logits_scaling": None},
        {"routed_scaling_factor": 1, "embedding_multiplier": 12},
        {"kv_lora_rank": 16, "num_key_value_heads": 3},
    ],
)
def test_numbers_that_a_model_may_have(changed: dict[str, Any], tmp_path: Path) -> None:
    assert "numbers" not in [one.kind for one in found(tmp_path, **changed)]
