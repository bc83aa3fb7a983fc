"""At which tensor-parallel sizes what exists can be served: proved for each, with the reasons of those that are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.strategy import native, supported
from scaffold.strategy.decide import NoStrategy, decide
from tests.models.families import config_of, shapes_of
from tests.sampled import sampled
from tests.strategy.trusted import asked

HEADS = "4 heads cannot be shared evenly by 8 ranks"


@pytest.mark.parametrize("family", ["llama", "qwen3_moe"])
def test_sizes_that_heads_do_not_allow_are_named(tmp_path: Path, family: str) -> None:
    answer = supported.holds(asked(tmp_path, family))
    assert answer.holds
    assert list(answer.misfits) == [8, 16]
    assert HEADS in answer.misfits[8][0]


def test_a_size_that_is_asked_for_and_does_not_divide_is_refused_by_every_strategy(tmp_path: Path) -> None:
    question = replace(asked(tmp_path, "llama"), ranks=(2, 8))
    assert "it cannot be served at tensor-parallel 8" in supported.holds(question).reason
    assert "it cannot be served at tensor-parallel 8" in native.holds(question).reason
    with pytest.raises(NoStrategy, match="tensor-parallel 8"):
        decide(question, "supported")
    assert supported.holds(replace(question, ranks=(2, 4))).holds


@pytest.mark.parametrize(
    ("family", "config", "size", "says"),
    sampled([
        ("llama", {"num_attention_heads": 12, "num_key_value_heads": 3, "hidden_size": 384}, 2,
         "3 KV heads can neither be shared nor replicated evenly by 2 ranks"),
        ("llama", {"intermediate_size": 258}, 4, "258 outputs cannot be shared evenly by 4 ranks"),
        ("qwen3_moe", {"moe_intermediate_size": 66}, 4, "66 inner entries of an expert cannot be shared evenly by 4"),
    ], every=3),
)  # fmt: skip
def test_each_number_that_ranks_share(
    tmp_path: Path, family: str, config: dict[str, int], size: int, says: str
) -> None:
    shapes = shapes_of(family, config_of(family, **config))
    answer = supported.holds(asked(tmp_path, family, config, shapes))
    assert answer.holds, answer.reason
    assert any(says in why for why in answer.misfits[size]), answer.misfits


def test_native_and_the_class_that_exists_agree_on_the_sizes(tmp_path: Path) -> None:
    question = asked(tmp_path, "qwen3")
    assert list(native.holds(question).misfits) == list(supported.holds(question).misfits)
