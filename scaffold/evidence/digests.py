"""Which tree and which checkpoint a verdict holds for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from scaffold.checkpoint.read import Checkpoint
from scaffold.roots.vllm_tree import VllmTree


def present_digests(
    tree: VllmTree, delivery: Path, delivery_files: Iterable[Path], checkpoint: Checkpoint
) -> dict[str, str]:
    """Return the digests of what is served now.

    ``tree`` covers all Python of the vLLM tree, and the delivery's planned Python files: documents are not part
    of what runs, and are filled with the verdicts afterwards.
    """
    digest = hashlib.sha256(tree.digest().encode())
    for file in sorted(delivery_files):
        path = delivery / file
        if file.suffix == ".py" and path.is_file():
            digest.update(file.as_posix().encode() + b"\0" + path.read_bytes())
    return {"tree": digest.hexdigest(), "checkpoint": checkpoint.digest}
