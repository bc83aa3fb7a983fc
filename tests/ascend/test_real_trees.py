"""vLLM 0.23 with vllm-ascend 0.23: exactly these kernels are reached, and this becomes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.ascend.compatibility import Compatibility, check_model
from scaffold.ascend.target import Target, read_target
from scaffold.common.tables import read_table
from tests.lab.trees import ascend_source, vllm_tree
from tests.sampled import costly, sampled

EXPECTED = read_table(Path(__file__).parent / "kernels.yaml")
MODELS = "vllm.model_executor.models"


def grouped(found: Compatibility) -> dict[str, dict[str, list[str]]]:
    """Return outcome → what decides → names; what is called is grouped by the tree that calls it."""
    groups: dict[str, dict[str, list[str]]] = {}
    for kernel in found.kernels:
        called = kernel.outcome.value in ("Triton", "CUDA-only")
        by = f"in {kernel.tree}" if called else kernel.by
        groups.setdefault(kernel.outcome.value, {}).setdefault(by, []).append(kernel.name)
    return {outcome: {by: sorted(names) for by, names in rows.items()} for outcome, rows in groups.items()}


@pytest.fixture(scope="module")
def target() -> Target:
    """Both trees, read once for all models."""
    return read_target(vllm_tree("0.23.0"), ascend_source())


@costly
@pytest.mark.parametrize("row", sampled(EXPECTED), ids=lambda row: row["module"])
def test_the_kernels_of_a_model_and_what_becomes_of_them(row: dict[str, Any], target: Target) -> None:
    found = check_model(target, f"{MODELS}.{row['module']}", row["class"])
    assert grouped(found) == row["kernels"]
    assert [stop.name for stop in found.stops] == row.get("stops", [])
    assert sorted(name for name, _ in found.backends) == row["backends"]
