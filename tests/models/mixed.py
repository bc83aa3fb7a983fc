"""Checkpoints of made-up models that mix the forms of several families, each with its own code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from scaffold.expressions.evaluate import PER_LAYER
from scaffold.source.locate import find
from tests.models.interpreted import instantiate

HERE = Path(__file__).parent
SLIDING, FULL = "sliding_attention", "full_attention"
CONFIGS: dict[str, dict[str, Any]] = {
    "lyra": {
        "layer_types": [SLIDING, FULL, SLIDING, FULL],
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
        "tie_word_embeddings": True,
    },
    "orion": {
        "no_rope_layers": [1, 1, 1, 0],
        "rope_parameters": {"rope_type": "default", "rope_theta": 20000.0},
    },
    "vega": {},
    "draco": {
        "layer_types": [SLIDING, FULL, SLIDING, FULL],
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "wide_head_dim": 64,
        "mix_config": {"clip_values": 1.5},
    },
}
"""Model → what its checkpoint's config says beside the defaults of its class."""
HEADS = {"lyra": "head.weight"}
"""Model → the tensor that is tied, and so not saved."""


def write_mixed(name: str, directory: Path, **changed: Any) -> Path:
    """Write a checkpoint with random weights, in the names and shapes that the model's own code gives them."""
    directory.mkdir(parents=True, exist_ok=True)
    stem = name.title()
    config: dict[str, Any] = {
        "architectures": [f"{stem}ForCausalLM"],
        "model_type": name,
        "auto_map": {
            "AutoConfig": f"configuration_{name}.{stem}Config",
            "AutoModelForCausalLM": f"modeling_{name}.{stem}ForCausalLM",
        },
        **CONFIGS[name],
        **changed,
    }
    for file in (f"modeling_{name}.py", f"configuration_{name}.py"):
        (directory / file).write_text((HERE / file).read_text())
    source = find(config["architectures"][0], name, config["auto_map"], directory, None)
    assert source is not None
    model = instantiate(source, config)
    values = {key: value for key, value in model.config.attributes.items() if _is_plain(value) and key != PER_LAYER}
    (directory / "config.json").write_text(json.dumps({**values, **config}, indent=1))
    tensors = {n: t.a.astype(np.float32) for n, t in model.root.saved_tensors() if n != HEADS.get(name)}
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str, list, dict))
