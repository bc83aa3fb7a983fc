"""Yarn of latent attention: written as vLLM's own models of it do, where both of vLLM's tables are the same.

The tables were compared for 48 sets of parameters: `tests/engine/test_yarn_tables.py`.
"""

from __future__ import annotations

from typing import Any

from scaffold.mixers.latent.adapter import is_yarn_of_both
from tests.rows import each

YARN = {"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096}


@each(
    ("more", "expected"),
    [
        ({}, True),
        ({"mscale": 0.707, "mscale_all_dim": 0.707}, True),
        ({"mscale": 1.0, "mscale_all_dim": 0.5}, True),
        ({"mscale": 1.0}, False),
        ({"mscale_all_dim": 1.0}, False),
        ({"mscale": 1.0, "mscale_all_dim": 0}, False),
        ({"attention_factor": 1.0}, False),
        ({"truncate": False}, False),
        ({"type": "linear"}, False),
    ],
)
@each("key", ["rope_scaling", "rope_parameters"])
def test_yarn_that_both_tables_know(key: str, more: dict[str, Any], expected: bool) -> None:
    assert is_yarn_of_both({key: {**YARN, **more}}) is expected
    assert not is_yarn_of_both({key: None})
