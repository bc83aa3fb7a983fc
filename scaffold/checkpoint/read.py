"""A checkpoint as one value: the contents of its directory, none of which is executed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from scaffold.checkpoint import drafts
from scaffold.checkpoint.config_types import check_config, wrong
from scaffold.checkpoint.files import has_file, read_bytes, regular_file
from scaffold.checkpoint.folders import CONFIG, check_folder
from scaffold.checkpoint.headers import TensorHeader
from scaffold.checkpoint.jsonfile import MAX_BYTES, parse_object
from scaffold.checkpoint.shards import Weights, read_weights
from scaffold.checkpoint.text import shown
from scaffold.checkpoint.tokenizer import chat_template
from scaffold.common.errors import CheckpointError
from scaffold.vocabulary.lookup import spellings

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_MODEL_TYPE = re.compile(r"[^\W_][^\s\"'`\\/|<>{}$;&,]{0,127}")
"""It stands in quotes in code and in tables of documents; names of folders and modules are made of its letters."""
VISION_ROLES = ("vision_config", "vision_tower")
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
    """The part of the config that describes the language model; the whole config if it is not nested."""
    architecture: str
    model_type: str
    auto_map: Mapping[str, str]
    weights: Weights = field(repr=False)
    processor_files: tuple[str, ...]
    has_chat_template: bool
    digest: str
    """SHA-256 over the config, and every shard's name, size, modification time and header."""

    @property
    def tensors(self) -> Mapping[str, TensorHeader]:
        """Return the headers of all tensors by name."""
        return self.weights.tensors

    @property
    def text_key(self) -> str:
        """Return the key of ``config.json`` that holds the text config; empty if it is not nested."""
        return _text_key(self.config)

    @cached_property
    def weight_bytes(self) -> int:
        """Return the bytes of all tensors."""
        return sum(form.num_bytes for form in self.weights.forms.values())

    @property
    def is_multimodal(self) -> bool:
        """Return whether config or files mention images."""
        return any(key in self.config for role in VISION_ROLES for key in spellings(role)) or any(
            name.startswith(("preprocessor", "video")) for name in self.processor_files
        )


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint directory.

    Raises:
        CheckpointError: it is not a directory, its config is missing or invalid, or its weights are damaged.
    """
    if not path.is_dir():
        raise CheckpointError(
            "no such directory" if not path.exists() else "a file",
            where=shown(str(path)) if not str(path).isprintable() else str(path),
            expected="a checkpoint directory with config.json and safetensors files",
            remedy="pass the directory of the checkpoint",
        )
    purpose = "a JSON object, the model's config"
    check_folder(path)
    raw = read_bytes(path, CONFIG, purpose, MAX_BYTES)
    config = parse_object(raw, CONFIG, purpose, "download config.json again, or pass the directory of a checkpoint")
    check_config(config)
    with _as_draft(config):
        architecture = _architecture(config)
        model_type = drafts.model_type_of(config)
        if not isinstance(model_type, str) or not _is_word(model_type):
            raise wrong("model_type", model_type, "a word such as 'qwen3', without quotes, commas and slashes")
    auto_map = _auto_map(config)
    _check_code(path, auto_map)
    weights = read_weights(path)
    text_key = _text_key(config)
    return Checkpoint(
        path=path,
        config=config,
        text_config=config[text_key] if text_key else config,
        architecture=architecture,
        model_type=model_type,
        auto_map=auto_map,
        weights=weights,
        processor_files=tuple(name for name in PROCESSOR_FILES if has_file(path, name)),
        has_chat_template=chat_template(path) is not None,
        digest=hashlib.sha256(raw + weights.digest.encode()).hexdigest(),
    )


def _is_word(model_type: str) -> bool:
    return _MODEL_TYPE.fullmatch(model_type) is not None and model_type.isprintable()


@contextmanager
def _as_draft(config: Mapping[str, Any]) -> Iterator[None]:
    """Say of a config without the names of a model that it is a draft's, where it is."""
    try:
        yield
    except CheckpointError as error:
        draft = drafts.by_config(config) or drafts.by_keys(config)
        if draft is None:
            raise
        raise CheckpointError(
            f"{error.found}, in the config of a model that {draft.says}",
            where=error.where,
            expected=f"{error.expected}, which vLLM needs for drafts, too",
            remedy=f"{error.remedy}; {draft.used}",
        ) from error


def _architecture(config: Mapping[str, Any]) -> str:
    names = config.get("architectures")
    if not isinstance(names, list) or not names:
        raise wrong("architectures", names, "a list with the class name of the model")
    name = names[0]
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name):
        raise wrong("architectures[0]", name, "a Python class name")
    return name


def _text_key(config: Mapping[str, Any]) -> str:
    return next((key for key in spellings("text_config") if isinstance(config.get(key), dict)), "")


def _auto_map(config: Mapping[str, Any]) -> dict[str, str]:
    auto_map = config.get("auto_map") or {}
    if not isinstance(auto_map, dict) or not all(isinstance(v, (str, list)) for v in auto_map.values()):
        raise wrong("auto_map", auto_map, "an object of module.Class references")
    return {key: value for key, value in auto_map.items() if isinstance(value, str)}


def _check_code(path: Path, auto_map: Mapping[str, str]) -> None:
    """Check that the Python files named in the config are files of the checkpoint: they are read as text."""
    for reference in auto_map.values():
        name = f"{reference.rpartition('--')[2].partition('.')[0]}.py"
        if _IDENTIFIER.fullmatch(name.removesuffix(".py")) and has_file(path, name):
            regular_file(path, name, "the modeling source of the checkpoint")
