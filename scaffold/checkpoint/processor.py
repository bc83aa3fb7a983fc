"""The processor that a checkpoint's files require: its class, where that comes from, and the token of an image."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.checkpoint.files import has_file
from scaffold.checkpoint.jsonfile import read_object

FILES = ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json")
"""Files that may name the class; the first one that does is used (transformers: ``models/auto/processing_auto.py``)."""
IMAGE_TOKENS = ("image_token_id", "image_token_index")
"""Keys of configs for the token id that stands for an image."""
_CLASS = re.compile(r"[A-Za-z_]\w{0,95}")


@dataclass(frozen=True)
class AskedProcessor:
    """What a checkpoint's files name.

    Attributes:
        processor: the class; empty if no file names one.
        remote: whether the checkpoint's own code defines it.
        image_processor: the class that prepares pictures; empty if no file names one.
        image_token: what stands for a picture in a text; empty if it is not known.
    """

    processor: str = ""
    remote: bool = False
    image_processor: str = ""
    image_token: str = ""


def asked_processor(directory: Path, config: Mapping[str, Any]) -> AskedProcessor:
    """Return what a checkpoint's files say about its processor.

    Raises:
        CheckpointError: one of them is damaged.
    """
    found = [read_object(directory / name, "a processor's config") for name in FILES if has_file(directory, name)]
    maps = [one["auto_map"] for one in found if isinstance(one.get("auto_map"), dict)]
    return AskedProcessor(
        processor=_first(found, "processor_class"),
        remote=any("AutoProcessor" in one for one in maps),
        image_processor=_first(found, "image_processor_type"),
        image_token=_token(found, config),
    )


def library_has(processor: str, transformers: Path) -> bool:
    """Return whether a release of transformers defines a processor's class, by its source."""
    line = re.compile(rf"^class {re.escape(processor)}\b", re.MULTILINE)
    files = sorted((transformers / "models").glob("*/processing_*.py"))
    return any(line.search(file.read_text(encoding="utf-8", errors="replace")) for file in files)


def _first(found: list[dict[str, Any]], key: str) -> str:
    """Return the first name of a class under a key; empty if no file has one."""
    names = (one.get(key) for one in found)
    return next((name for name in names if isinstance(name, str) and _CLASS.fullmatch(name)), "")


def _token(found: list[dict[str, Any]], config: Mapping[str, Any]) -> str:
    """Return the text of the token whose id the config states for an image; empty if no file has it."""
    ids = [str(config[key]) for key in IMAGE_TOKENS if type(config.get(key)) is int]
    for one in found:
        given = one.get("added_tokens_decoder")
        added: dict[str, Any] = given if isinstance(given, dict) else {}
        for number in ids:
            token = added.get(number)
            if isinstance(token, dict) and isinstance(token.get("content"), str):
                return str(token["content"])
    return ""
