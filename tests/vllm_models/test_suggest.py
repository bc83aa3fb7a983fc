"""A mapper entry is suggested where the whole checkpoint fits with it, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.vllm_models.adapter import check_adapter
from tests.lab.checkpoints import checkpoint
from tests.lab.engine import engine
from tests.vllm_models.test_adapter_check import MODELS, with_forms


@pytest.mark.parametrize(
    ("old", "new", "suggestion"),
    [
        ("", "module.", '"module." → "" in orig_to_new_prefix of its WeightsMapper would place all'),
        ("model.", "backbone.", '"backbone." → "model." in orig_to_new_prefix of its WeightsMapper would place all'),
        ("model.layers.1.", "model.layers.7.", ""),  # layers are in an order, which a name does not tell
        ("model.layers.0.mlp.gate_proj.", "model.layers.0.mlp.w1.", ""),  # nor gate from up
        ("model.layers.0.", "module.model.layers.0.", '"module." → "" in orig_to_new_prefix'),
    ],
)
def test_only_whole_modules_move(vllm_source: Path, old: str, new: str, suggestion: str) -> None:
    read = read_checkpoint(checkpoint("qwen3"))
    forms = {new + n.removeprefix(old) if n.startswith(old) else n: f for n, f in read.weights.forms.items()}
    result = check_adapter(
        vllm_source / MODELS / "qwen3.py", with_forms(read, forms), transformers=engine().transformers
    )
    assert result.refused
    assert result.suggestion.startswith(suggestion)
    assert bool(result.suggestion) is bool(suggestion)


def test_no_two_names_become_one(vllm_source: Path) -> None:
    read = read_checkpoint(checkpoint("qwen3"))
    forms = read.weights.forms | {f"module.{name}": form for name, form in read.weights.forms.items()}
    result = check_adapter(
        vllm_source / MODELS / "qwen3.py", with_forms(read, forms), transformers=engine().transformers
    )
    assert result.suggestion == ""
