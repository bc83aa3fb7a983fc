"""Checkpoints of which a server can show a feature: with a draft head that is right, wrong or missing, with pictures.

Made of checkpoints of the laboratory by editing tensors and files; nothing of transformers is needed for it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from tests.lab.checkpoints import checkpoint

Tensors = dict[str, Any]
INDEX = "model.safetensors.index.json"
END = 2
IMAGE = "<image>"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""Parts of a message are written by the template, as those of published vision models do it."""


def with_draft(destination: Path, draft: str) -> Path:
    """Write a GLM-4-MoE whose draft head (MTP) is ``right``, ``wrong``, or ``missing`` though the config promises it.

    Of layers whose blocks add nothing the next token depends on the last one alone. So a draft head that takes the
    embedding of the last token is right of every token, and one that takes the hidden state instead, as where
    the halves of its projection are exchanged, is right only where a token repeats.
    """
    source = checkpoint("glm4-moe")
    layers = json.loads((source / "config.json").read_text())["num_hidden_layers"]
    _copy(source, destination, lambda tensors: _drafting(tensors, layers, draft))
    _put(destination / "config.json", num_nextn_predict_layers=1)
    return destination


def _drafting(tensors: Tensors, layers: int, draft: str) -> Tensors:
    made = {name: np.zeros_like(array) if _adds(name) else array for name, array in tensors.items()}
    made["model.norm.weight"] = np.ones_like(made["model.norm.weight"])
    made["lm_head.weight"] = made["lm_head.weight"].copy()
    made["lm_head.weight"][END] = 0.0  # no answer ends early
    if draft == "missing":
        return made
    one = np.eye(len(made["model.norm.weight"]), dtype=np.float32)
    projection = {"right": [one, 0 * one], "wrong": [0 * one, one]}[draft]
    last, own = f"model.layers.{layers - 1}.", f"model.layers.{layers}."
    block = {name.replace(last, own): array.copy() for name, array in made.items() if name.startswith(last)}
    norms = {f"{own}{name}.weight": np.ones(len(one), np.float32) for name in ("enorm", "hnorm", "shared_head.norm")}
    shared = {
        f"{own}embed_tokens.weight": made["model.embed_tokens.weight"].copy(),
        f"{own}shared_head.head.weight": made["lm_head.weight"].copy(),
        f"{own}eh_proj.weight": np.concatenate(projection, axis=1),
    }
    return {**made, **block, **norms, **shared}


def _adds(name: str) -> bool:
    """Return whether a tensor is the last projection of a block, which adds its output to the residual."""
    return name.endswith(("o_proj.weight", "down_proj.weight"))


def with_pictures(destination: Path) -> Path:
    """Write a LLaVA with what its checkpoint lacks to take pictures: a processor, and a token that stands for one."""
    source = checkpoint("llava")
    _copy(source, destination, lambda tensors: tensors)
    config = json.loads((source / "config.json").read_text())
    vision, token = config["vision_config"], config["image_token_index"]
    size = vision["image_size"]
    picture = {"do_convert_rgb": True, "crop_size": {"height": size, "width": size}, "size": {"shortest_edge": size}}
    processor = {
        "processor_class": "LlavaProcessor",
        "patch_size": vision["patch_size"],
        "vision_feature_select_strategy": config["vision_feature_select_strategy"],
        "num_additional_image_tokens": 1,
        "image_token": IMAGE,
    }
    (destination / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "CLIPImageProcessor", "processor_class": "LlavaProcessor", **picture})
    )
    (destination / "processor_config.json").write_text(json.dumps(processor))
    tokenizer = json.loads((destination / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"] = {
        IMAGE if number == token else word: number for word, number in tokenizer["model"]["vocab"].items()
    }
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    tokenizer["added_tokens"].append({"id": token, "content": IMAGE, **flags})
    (destination / "tokenizer.json").write_text(json.dumps(tokenizer))
    (destination / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    _put(destination / "tokenizer_config.json", extra_special_tokens={"image_token": IMAGE}, image_token=IMAGE)
    return destination


def _copy(source: Path, destination: Path, change: Callable[[Tensors], Tensors]) -> None:
    """Copy a checkpoint, its tensors changed, into one shard."""
    destination.mkdir(parents=True)
    for file in source.iterdir():
        if not file.name.endswith((".safetensors", INDEX)):
            shutil.copy(file, destination)
    tensors = {name: array for file in sorted(source.glob("*.safetensors")) for name, array in load_file(file).items()}
    save_file(change(tensors), destination / "model.safetensors", metadata={"format": "pt"})


def _put(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}, indent=2))
