"""Names that reach paths, code and documents: validated here, at the boundary, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

from scaffold.common.errors import UsageError

_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


def model_name(given: str | None, checkpoint: Path) -> str:
    """Return the model's display name, which is also a file name: as given, else the checkpoint's folder.

    Raises:
        UsageError: it is not made of letters, digits, dots, dashes and underscores.
    """
    name = given or checkpoint.resolve().name
    if not _MODEL_NAME.fullmatch(name) or ".." in name:
        raise UsageError(
            f"the model name {name!r}",
            where="--name" if given else str(checkpoint),
            expected="letters, digits, '.', '-' and '_', starting with a letter or digit",
            remedy="pass a name with --name",
        )
    return name
