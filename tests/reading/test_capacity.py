"""Experts that take no more than so many tokens: what a token gets depends on others."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.feed_forwards.experts.spec import ExpertsSpec
from scaffold.source.python.errors import NotUnderstood
from tests.models.remote.build import read
from tests.reading.test_dense_beside_experts import EXPERTS

CONFIG = {"num_experts": 4, "num_experts_per_tok": 2, "num_hidden_layers": 1}
LAYER = """

class LayerOfExperts(VelaLayer):
    def __init__(self, config, layer_idx):
        super().__init__(config, layer_idx)
        self.mlp = Experts(config)


VelaLayer = LayerOfExperts
"""
LIMITED = EXPERTS.replace(
    "token, place = torch.where(chosen == number)",
    "token, place = torch.where(chosen == number)\n            token, place = token[:{places}], place[:{places}]",
)


@pytest.mark.parametrize("places", ["2", "x.shape[1] - 1"])
def test_experts_with_a_capacity_are_a_hole(places: str, tmp_path: Path, transformers_source: Path) -> None:
    with pytest.raises(NotUnderstood, match="experts with a capacity"):
        read(tmp_path, transformers_source, CONFIG, classes=LIMITED.replace("{places}", places) + LAYER)


def test_experts_that_have_a_place_for_every_token(tmp_path: Path, transformers_source: Path) -> None:
    classes = LIMITED.replace("{places}", "x.shape[1]") + LAYER
    assert isinstance(read(tmp_path, transformers_source, CONFIG, classes=classes).layer.feed_forward, ExpertsSpec)
