"""What a served model needs: tensor parallelism, compiled mode, LoRA, quantisation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.bench.coverage.outcomes import TOLERANCE
from tests.bench.coverage.rows import rows
from tests.engine.adapters import Adapters, adapters

pytestmark = pytest.mark.engine
RANK = 4


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adapters]:
    with adapters(tmp_path_factory.mktemp("features")) as found:
        yield found


@pytest.mark.parametrize("row", ["olmo2", "qwen2_moe", "bloom", "gpt_oss", "aria_text@biased"])
def test_two_ranks_answer_as_transformers_does(served: Adapters, row: str) -> None:
    """Norms of q and k over all heads; shared experts with a gate; slopes (ALiBi) and sinks per rank; biases."""
    outcome = served.outcome(row, {"tensor_parallel_size": 2})
    assert outcome.right, outcome


@pytest.mark.parametrize("row", ["qwen3", "solar_open"])
def test_compiled_mode_answers_as_transformers_does(served: Adapters, row: str) -> None:
    outcome = served.outcome(row, {"enforce_eager": False})
    assert outcome.right, outcome


def test_lora_answers_as_merged_weights_do(served: Adapters, tmp_path: Path) -> None:
    plain = served.answer("qwen3")  # which makes the checkpoint
    checkpoint = rows()["qwen3"].checkpoint
    random, merged, lora = np.random.default_rng(5), tmp_path / "merged", tmp_path / "lora"
    merged.mkdir()
    lora.mkdir()
    factors = {}
    for file in checkpoint.iterdir():
        if file.suffix != ".safetensors":
            (merged / file.name).write_bytes(file.read_bytes())
            continue
        tensors = load_file(file)
        for name in [n for n in tensors if n.endswith(("q_proj.weight", "gate_proj.weight"))]:
            out, size = tensors[name].shape
            a = random.normal(0, 0.1, (RANK, size)).astype(np.float32)
            b = random.normal(0, 0.1, (out, RANK)).astype(np.float32)
            stem = "base_model.model." + name.removesuffix(".weight")
            factors |= {f"{stem}.lora_A.weight": a, f"{stem}.lora_B.weight": b}
            tensors[name] = tensors[name] + b @ a
        save_file(tensors, merged / file.name, metadata={"format": "pt"})
    assert len(factors) == 2 * 2 * 4
    save_file(factors, lora / "adapter_model.safetensors")
    settings = {"r": RANK, "lora_alpha": RANK, "target_modules": ["q_proj", "gate_proj"], "peft_type": "LORA"}
    (lora / "adapter_config.json").write_text(json.dumps({**settings, "bias": "none", "task_type": "CAUSAL_LM"}))

    options = {"enable_lora": True, "max_lora_rank": 8, "max_loras": 1}
    expected = served.answer("qwen3", checkpoint=merged)
    found = served.answer("qwen3", options, lora=str(lora))
    assert "error" not in found, found
    assert far(expected, plain) > 10 * TOLERANCE  # the LoRA does something
    assert far(expected, found) < TOLERANCE
    assert found["greedy"] == expected["greedy"]


INT8 = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "quantization_status": "compressed",
    "ignore": ["lm_head"],
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel", "dynamic": False},
            "input_activations": {
                "num_bits": 8, "type": "int", "symmetric": True, "strategy": "token", "dynamic": True,
            },
        },
    },
}  # fmt: skip


def quantised(checkpoint: Path, folder: Path) -> Path:
    """Write a checkpoint whose layers' projections are int8, one scale per channel (compressed-tensors)."""
    folder.mkdir()
    for file in checkpoint.iterdir():
        if not file.name.endswith((".safetensors", ".index.json")):
            (folder / file.name).write_bytes(file.read_bytes())
    tensors = {name: array for file in checkpoint.glob("*.safetensors") for name, array in load_file(file).items()}
    for name in [name for name in tensors if name.endswith("_proj.weight")]:
        scale = np.abs(tensors[name]).max(axis=1, keepdims=True) / 127
        tensors[name.replace(".weight", ".weight_scale")] = scale.astype(np.float32)
        tensors[name] = np.round(tensors[name] / scale).astype(np.int8)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": INT8}))
    return folder


def test_quantised_projections_answer_as_those_of_vllms_own_model_do(served: Adapters, tmp_path: Path) -> None:
    plain = served.answer("qwen3")  # which makes the checkpoint
    checkpoint = quantised(rows()["qwen3"].checkpoint, tmp_path / "int8")
    own = served.ask("qwen3", checkpoint)
    found = served.answer("qwen3", checkpoint=checkpoint)
    assert "error" not in own, own
    assert "error" not in found, found
    assert far(plain, found) > 10 * TOLERANCE  # it is quantised
    assert far(own, found) < TOLERANCE
    assert found["greedy"] == own["greedy"]


def far(one: dict[str, list[float]], other: dict[str, list[float]]) -> float:
    return max(abs(a - b) for a, b in zip(one["logprobs"], other["logprobs"], strict=True))
