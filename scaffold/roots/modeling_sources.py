"""All modeling source that transformers has, read once: which model folder has which classes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from scaffold_validators.digest import State, state_of

_CLASS = re.compile(rb"\nclass (\w+)\(")
"""It begins with plain bytes, which are found many times faster than ``^``: there are 20 MB of modeling source."""


@dataclass(frozen=True)
class ModelingSources:
    """Modeling source as bytes by model folder, in the order of their names, and the folders of classes.

    Attributes:
        texts: model folder → the text of its modeling file.
        classes: model folder → the classes of that file, in its order.
        folders: class → its model folder.
    """

    texts: dict[str, bytes]
    classes: dict[str, tuple[str, ...]]
    folders: dict[str, str]


def modeling_sources(transformers: Path) -> ModelingSources:
    """Return the modeling source of all models of a ``transformers`` package; of none where it has no models."""
    return _read(tuple(_files(transformers / "models")))


def _files(models: Path) -> Iterator[tuple[str, Path, State]]:
    """Yield folder, path and state of each model's modeling file."""
    for folder in sorted(path.name for path in models.iterdir()) if models.is_dir() else ():
        path = models / folder / f"modeling_{folder}.py"
        with suppress(OSError):  # a folder need not have one
            yield folder, path, state_of(path)


@lru_cache(maxsize=2)
def _read(files: tuple[tuple[str, Path, State], ...]) -> ModelingSources:
    """Read files, each with its state, so that what was read before cannot go stale."""
    texts = {folder: path.read_bytes() for folder, path, _ in files}
    classes = {folder: tuple(map(bytes.decode, _CLASS.findall(text))) for folder, text in texts.items()}
    folders = {name: folder for folder, names in classes.items() for name in names}
    return ModelingSources(texts, classes, folders)
