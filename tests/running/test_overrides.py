"""The gates serve the model that was planned: with what the tensors say where they were believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.common.errors import UsageError
from scaffold.evidence.plan_record import PlanRecord
from scaffold.running.validation import ServeOptions, serve_plan
from scaffold_validators.engine import Engine
from scaffold_validators.serve import ServePlan


def planned(nova: Path, overrides: dict[str, Any], extra: tuple[str, ...] = ()) -> ServePlan:
    record = PlanRecord("nova", "NovaForCausalLM", "native", {}, "/c", "/v", "/d", (), (), overrides=overrides)
    options = ServeOptions(extra=extra)
    return serve_plan(
        nova, read_checkpoint(nova), Engine(Path("python"), Path("vllm.py"), None, {}, "cpu"), options, record
    )


@pytest.mark.parametrize("extra", [(), ("--seed", "1")])
def test_they_are_passed_to_the_server_before_what_the_user_adds(nova: Path, extra: tuple[str, ...]) -> None:
    told = planned(nova, {"vocab_size": 512}, extra).extra
    assert told == ("--hf-overrides", json.dumps({"vocab_size": 512}), *extra)
    assert planned(nova, {}, extra).extra == extra


def test_what_the_user_says_is_joined_with_it_as_vllm_takes_the_last_one_alone(nova: Path) -> None:
    own = ("--hf-overrides", json.dumps({"text_config": {"a": 1}}), "--seed", "1")
    told = planned(nova, {"text_config": {"b": 2}, "c": 3}, own).extra
    assert told[:4] == own
    assert json.loads(told[-1]) == {"text_config": {"a": 1, "b": 2}, "c": 3}
    assert planned(nova, {}, own).extra == own
    with pytest.raises(UsageError, match="to be joined with what was believed"):
        planned(nova, {"c": 3}, ("--hf-overrides.a", "1"))
