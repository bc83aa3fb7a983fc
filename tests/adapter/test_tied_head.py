"""A tied head that the files have all the same: from vLLM 0.30 on the loader passes over it by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.planning.plan import make_plan
from scaffold.planning.request import Request
from tests.lab.engine import VLLM, engine
from tests.lab.trees import vllm_tree
from tests.models.families import config_of, shapes_of, write
from tests.sampled import costly


@costly
@pytest.mark.parametrize(("release", "told"), [("0.28.0", True), (VLLM, False)])
def test_the_loader_is_told_to_skip_it_where_it_has_to_be(tmp_path: Path, release: str, told: bool) -> None:
    tree = engine().pristine if release == VLLM else vllm_tree(release)
    shapes = {**shapes_of("qwen3"), "lm_head.weight": shapes_of("qwen3")["model.embed_tokens.weight"]}
    checkpoint = write(tmp_path / "tied", config_of("qwen3", tie_word_embeddings=True), shapes)
    plan = make_plan(
        Request(
            checkpoint, tree, None, "plugin", tmp_path / "plugin", strategy="native", transformers=engine().transformers
        )
    )
    assert plan.adapter is not None
    assert ('skip_prefixes=(["lm_head."]' in plan.adapter) is told
