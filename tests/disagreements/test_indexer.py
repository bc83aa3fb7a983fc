"""An indexer of sparse attention in the config, and its tensors."""

from __future__ import annotations

from pathlib import Path

from tests.disagreements.llama import HIDDEN, found, tensors

INDEXER = {"index_topk": 64, "index_n_heads": 4, "index_head_dim": 32}


def test_an_indexer_that_no_layer_has(tmp_path: Path) -> None:
    (one,) = found(tmp_path, tensors(), **INDEXER)
    assert (one.kind, one.decides, one.answers) == ("indexer", True, ())
    assert str(one).startswith("the config has index_topk, index_n_heads, index_head_dim, and no layer has a tensor of")


def test_an_indexer_that_is_there_or_switched_off_is_none(tmp_path: Path) -> None:
    held = {**tensors(), "model.layers.0.self_attn.indexer.wk.weight": ("BF16", (32, HIDDEN))}
    assert "indexer" not in [one.kind for one in found(tmp_path / "there", held, **INDEXER)]
    assert found(tmp_path / "off", tensors(), **{**INDEXER, "index_topk": None}) == []
