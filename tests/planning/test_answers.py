"""An answer to a disagreement is offered where the plan goes on with it, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scaffold.placement.plugin import PLUGIN
from scaffold.planning.plan import make_plan
from scaffold.planning.refusal import NotPlanned
from scaffold.planning.request import Request
from tests.lab.engine import engine
from tests.models.families import Shapes, config_of, shapes_of, write
from tests.sampled import costly, sampled


def request(folder: Path, family: str, config: dict[str, Any], shapes: Shapes, believe: str | None = None) -> Request:
    return Request(
        write(folder / "model", config_of(family, **config), shapes), vllm=engine().pristine, delivery=None,
        placement=PLUGIN.name, output=folder / "plugin", transformers=engine().transformers, believe=believe,
    )  # fmt: skip


def one_expert_more(shapes: Shapes) -> Shapes:
    """The router has rows for four."""
    return shapes | {name.replace("experts.3.", "experts.4."): s for name, s in shapes.items() if "experts.3." in name}


def one_bias(shapes: Shapes) -> Shapes:
    """With the switch there would be biases of q, k and v, too."""
    return shapes | {f"model.layers.{n}.self_attn.o_proj.bias": (128,) for n in (0, 1)}


def one_layer(shapes: Shapes) -> Shapes:
    return {name: shape for name, shape in shapes.items() if "layers.1." not in name}


CASES: tuple[tuple[str, dict[str, Any], Callable[[Shapes], Shapes], tuple[str, ...]], ...] = (
    ("llama", {"vocab_size": 500}, dict, ("tensors",)),
    ("llama", {}, one_layer, ("tensors",)),
    ("llama", {}, one_bias, ("config",)),
    ("mixtral", {}, one_expert_more, ()),
)


@pytest.mark.parametrize(
    ("family", "config", "change", "offered"), sampled(CASES, every=2), ids=["rows", "layers", "biases", "experts"]
)
def test_what_is_offered_is_what_the_plan_goes_on_with(
    tmp_path: Path, family: str, config: dict[str, Any], change: Callable[[Shapes], Shapes], offered: tuple[str, ...]
) -> None:
    shapes = change(shapes_of(family))
    with pytest.raises(NotPlanned) as refused:
        make_plan(request(tmp_path, family, config, shapes))
    (one,) = [one for one in refused.value.subject.settled.found if one.decides]
    assert one.answers == offered
    for side in ("config", "tensors"):
        assert (f"--believe {side}" in (refused.value.remedy or "")) is (side in offered)
        if side in offered:
            plan = make_plan(request(tmp_path, family, config, shapes, side))
            assert plan.decision.strategy.name == "supported"


@costly
def test_an_answer_that_is_not_offered_is_none(tmp_path: Path) -> None:
    shapes = one_expert_more(shapes_of("mixtral"))
    with pytest.raises(NotPlanned, match=r"block_sparse_moe\.gate\.weight"):
        make_plan(request(tmp_path, "mixtral", {}, shapes, "tensors"))
