"""A checkpoint as one value: what its directory says, with nothing of it executed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.checkpoint.headers import TensorHeader
from scaffold.checkpoint.jsonfile import read_object
from scaffold.checkpoint.shards import read_tensors
from scaffold.errors import CheckpointError

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_MODEL_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
TEXT_CONFIGS = ("text_config", "llm_config", "language_config")
VISION_KEYS = ("vision_config", "visual", "vision_tower")
PROCESSOR_FILES = (
    "processor_config.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
)


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint directory holds."""

    path: Path
    config: Mapping[str, Any]
    text_config: Mapping[str, Any]
    """The part of the config that describes the language model; the whole config where it is not nested."""
    architecture: str
    model_type: str
    auto_map: Mapping[str, str]
    tensors: Mapping[str, TensorHeader]
    processor_files: tuple[str, ...]
    has_chat_template: bool
    digest: str
    """SHA-256 over the config, every shard's name, size and time of change, and every tensor's header."""

    @property
    def weight_bytes(self) -> int:
        """Return the bytes of all tensors."""
        return sum(tensor.num_bytes for tensor in self.tensors.values())

    @property
    def is_multimodal(self) -> bool:
        """Return whether config or files speak of images."""
        return any(key in self.config for key in VISION_KEYS) or any(
            name.startswith(("preprocessor", "video")) for name in self.processor_files
        )


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint directory.

    Raises:
        CheckpointError: it is no directory, its config is missing or invalid, or its weights are damaged.
    """
    if not path.is_dir():
        raise CheckpointError(
            "no such directory" if not path.exists() else "a file",
            where=str(path),
            expected="a checkpoint directory with config.json and safetensors files",
            remedy="pass the directory of the checkpoint",
        )
    config = read_object(path / "config.json", "the model's config")
    architecture = _architecture(config)
    model_type = config.get("model_type", "")
    if not isinstance(model_type, str) or not _MODEL_TYPE.fullmatch(model_type):
        raise _bad("model_type", model_type, "a word such as 'qwen3'")
    auto_map = config.get("auto_map", {})
    if not isinstance(auto_map, dict) or not all(isinstance(v, (str, list)) for v in auto_map.values()):
        raise _bad("auto_map", auto_map, "an object of module.Class references")
    tensors = read_tensors(path)
    return Checkpoint(
        path=path,
        config=config,
        text_config=_text_config(config),
        architecture=architecture,
        model_type=model_type,
        auto_map={k: v for k, v in auto_map.items() if isinstance(v, str)},
        tensors=tensors,
        processor_files=tuple(name for name in PROCESSOR_FILES if (path / name).is_file()),
        has_chat_template=_has_chat_template(path),
        digest=_digest(path, tensors),
    )


def _architecture(config: Mapping[str, Any]) -> str:
    names = config.get("architectures")
    if not isinstance(names, list) or not names:
        raise _bad("architectures", names, "a list with the class name of the model")
    name = names[0]
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name):
        raise _bad("architectures[0]", name, "a Python class name")
    return name


def _text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in TEXT_CONFIGS:
        if isinstance(config.get(key), dict):
            return config[key]  # type: ignore[no-any-return]
    return config


def _bad(key: str, value: Any, expected: str) -> CheckpointError:
    return CheckpointError(
        repr(value)[:200],
        where=f"config.json, {key}",
        expected=expected,
        remedy="correct config.json, or download it again",
    )


def _has_chat_template(path: Path) -> bool:
    if (path / "chat_template.jinja").is_file() or (path / "chat_template.json").is_file():
        return True
    tokenizer = path / "tokenizer_config.json"
    return tokenizer.is_file() and bool(read_object(tokenizer, "the tokenizer's config").get("chat_template"))


def _digest(path: Path, tensors: Mapping[str, TensorHeader]) -> str:
    digest = hashlib.sha256((path / "config.json").read_bytes())
    for name in sorted({tensor.shard for tensor in tensors.values()}):
        stat = (path / name).stat()
        digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name}\0{tensor.dtype}\0{tensor.shape}\0{tensor.shard}\n".encode("utf-8", "replace"))
    return digest.hexdigest()
