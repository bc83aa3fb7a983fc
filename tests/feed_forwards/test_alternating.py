"""Experts whose activation vLLM computes of alternating rows only."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scaffold.feed_forwards.experts.adapter import _experts
from scaffold.feed_forwards.experts.example import EXAMPLE
from scaffold.feed_forwards.experts.gated import SWIGLU_OAI
from scaffold.feed_forwards.experts.spec import ExpertsSpec
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.values import Value


def test_gate_and_up_that_do_not_alternate_are_a_hole_where_the_activation_takes_them_so() -> None:
    """MiniMax-M3 has its experts' gate and up one after the other, GPT-OSS alternately; both compute the same."""
    assert isinstance(EXAMPLE.spec, ExpertsSpec)
    limits = (Value(1.702, "swiglu_alpha"), Value(7.0, "swiglu_limit"))
    spec = replace(EXAMPLE.spec, activation=Value(SWIGLU_OAI), limits=limits, alternating=False)
    frame = cast(Any, SimpleNamespace())
    with pytest.raises(NotUnderstood, match="whose gate and up do not alternate"):
        _experts(spec, frame)
