"""The interpreter computes what PyTorch computes: whole models, in float64, to the order of sums.

A few architectures that differ in kind; ``make bench-source`` runs all.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from scaffold.source.locate import find
from scaffold.source.transformers.conversions import conversions, on_disk
from tests.bench.source.compare import compare
from tests.bench.source.rows import make_references, rows
from tests.models.interpreted import instantiate

ROWS = ["llama@llama3", "gpt2", "bloom", "falcon", "gemma2", "mixtral", "gpt_oss", "deepseek_v3", "jetmoe", "lfm2_moe"]


@pytest.mark.engine
@pytest.mark.parametrize("name", ROWS)
def test_the_logits_are_those_of_pytorch(name: str) -> None:
    row = rows()[name]
    make_references([row])
    result = compare(row)
    assert result.hole == ""
    assert result.agrees, f"the logits differ by {result.difference:.1e}"


@pytest.mark.engine
@pytest.mark.parametrize("name", ["mixtral", "gpt_oss", "deepseek_v3", "granitemoe", "minimax_m2", "phimoe"])
def test_a_saved_checkpoint_read_by_its_conversions_answers_as_transformers_does(name: str) -> None:
    from safetensors.numpy import load_file

    from tests.bench.coverage.rows import make_rows
    from tests.bench.coverage.rows import rows as saved_rows
    from tests.lab.engine import engine

    row = saved_rows()[name]
    make_rows([row])
    config = json.loads((row.checkpoint / "config.json").read_text())
    source = find(config["architectures"][0], config["model_type"], {}, row.checkpoint, engine().transformers)
    assert source is not None
    model = instantiate(source, config)
    known = conversions(config["model_type"], [source.class_name], engine().transformers)
    saved = {k: v for file in row.checkpoint.glob("*.safetensors") for k, v in load_file(file).items()}
    for parameter, tensor in model.root.saved_tensors():
        for part in on_disk(parameter, tensor.shape, known):
            part.put(tensor.a, saved.pop(part.name))
    assert not saved
    prompt = row.reference["prompt"]
    logits = model.call(np.array([prompt])).output.field("logits").a[0]
    logprobs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    found = logprobs[np.arange(len(prompt) - 1), prompt[1:]]
    np.testing.assert_allclose(found, row.reference["logprobs"], atol=1e-4)  # the reference is in float32
