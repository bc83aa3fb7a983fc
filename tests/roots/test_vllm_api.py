"""What of vLLM's API each release has, as its tree says; the rows' ``since`` agrees with it."""

from __future__ import annotations

import pytest

from scaffold.roots.vllm_api import DIFFERENCES, vllm_api
from tests.lab.engine import VLLM, engine
from tests.lab.trees import VLLM_TREES, vllm_tree
from tests.rows import each

LACKS = {
    "0.23.0": {"moe_factory", "stacked_mapper", "expert_names", "tied_skipped", "yarn_magnitude"},
    "0.26.0": {"moe_factory", "tied_skipped", "yarn_magnitude"},
    "0.28.0": {"tied_skipped", "yarn_magnitude"},
}


@each("release", [*VLLM_TREES, VLLM])
def test_what_a_release_has(release: str) -> None:
    tree = engine().pristine if release == VLLM else vllm_tree(release)
    found = vllm_api(tree)
    assert {key for key, there in found.items() if not there} == LACKS.get(release, set())


def number(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split(".")[:2])


@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: row.key)
def test_since_when(row) -> None:  # type: ignore[no-untyped-def]
    lacking = max(number(release) for release, keys in LACKS.items() if row.key in keys)
    having = min(number(r) for r in VLLM_TREES if row.key not in LACKS.get(r, set()))
    assert lacking < number(row.since) <= having
