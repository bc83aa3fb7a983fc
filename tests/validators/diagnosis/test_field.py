"""Logs in the form of those from the field are named as what they are, and as nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from scaffold_validators.diagnosis import diagnose

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("field.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["what"])
def test_a_log_from_the_field_is_named(case: dict[str, Any]) -> None:
    cause = diagnose(case["log"]).cause
    if not case["is"]:
        assert cause is None
        return
    assert cause is not None
    assert cause.id == case["is"]
    assert cause.kind == case.get("kind", cause.kind)
    assert case.get("says", "") in cause.message
    for word in case.get("not", ()):
        assert word != cause.id
        assert word not in cause.meaning
