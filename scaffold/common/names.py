"""Names that reach paths, code and documents: validated here, at the boundary, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scaffold.common.errors import UsageError

_WORD = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_MODEL_NAME = re.compile(_WORD)
_MODEL_ID = re.compile(rf"{_WORD}/{_WORD}")
_HASH = re.compile(r"[0-9a-f]{40}")
_HUB_FOLDER = re.compile(rf"models--({_WORD}?)--({_WORD})")
"""A model's folder in the cache of huggingface_hub (its docs: "Understand caching"); it holds ``snapshots/<hash>``."""

RESERVED = frozenset({"journal", "gates.lock", "survey"})
"""Names that the work directory's state uses beside the models' folders."""


def model_name(given: str | None, checkpoint: Path) -> str:
    """Return the model's display name, which is also a file name.

    It is the given name, otherwise the repo's name in a hub's cache, otherwise the name of the checkpoint's folder.

    Raises:
        UsageError: it does not consist of letters, digits, dots, dashes and underscores, is a snapshot's hash, or is
            the name of one of this tool's own folders.
    """
    hub = _hub_id(checkpoint)
    name = given or (hub.split("/")[1] if hub else checkpoint.resolve().name)
    if not _MODEL_NAME.fullmatch(name) or ".." in name or _HASH.fullmatch(name):
        raise UsageError(
            f"the model name {name!r}",
            where="--name" if given else str(checkpoint),
            expected="letters, digits, '.', '-' and '_', starting with a letter or digit, and not a snapshot's hash",
            remedy=f"pass one of these with --name, such as --name {_near(name)}",
        )
    if name.lower() in RESERVED:
        raise UsageError(
            f"the model name {name!r}",
            where="--name" if given else str(checkpoint),
            expected=f"a name other than {', '.join(sorted(RESERVED))}, which the work directory uses",
            remedy="pass another name with --name",
        )
    return name


def _near(name: str) -> str:
    """Return a usable name close to an unusable one: what is left of it, or a default."""
    left = "-".join(re.findall(r"[A-Za-z0-9_]+", name))[:96].strip("-_")
    return left if _MODEL_NAME.fullmatch(left) and not _HASH.fullmatch(left) else "My-Model"


def model_id(given: str | None, name: str, checkpoint: Path, config: Mapping[str, Any]) -> str:
    """Return the name under which the model is published, ``org/name``; only ``name`` if nothing states it.

    It is the given id, otherwise that of the hub's cache that holds the checkpoint, otherwise the config's
    ``_name_or_path`` if that ends in the model's name: fine-tuned models keep the one of their base model.

    Raises:
        UsageError: the given id is not an ``org/name``.
    """
    if given:
        if not _MODEL_ID.fullmatch(given) or ".." in given:
            raise UsageError(
                f"the model id {given!r}",
                where="--model-id",
                expected="org/name, as the model is published",
                remedy="pass it as on its page, such as Qwen/Qwen3-8B, or leave it out",
            )
        return given
    stated = config.get("_name_or_path")
    if isinstance(stated, str) and _MODEL_ID.fullmatch(stated) and stated.split("/")[1].lower() == name.lower():
        return _hub_id(checkpoint) or stated
    return _hub_id(checkpoint) or name


def _hub_id(checkpoint: Path) -> str:
    """Return ``org/name`` of a snapshot in a hub's cache; empty for a folder elsewhere."""
    path = checkpoint.resolve()
    found = _HUB_FOLDER.fullmatch(path.parent.parent.name) if path.parent.name == "snapshots" else None
    return f"{found[1]}/{found[2]}" if found else ""
