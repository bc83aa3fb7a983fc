"""Which tree and which checkpoint a verdict holds for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from scaffold.checkpoint.read import Checkpoint
from scaffold.evidence.plan_record import PlanRecord
from scaffold.evidence.served_files import PACKAGE, digest_of, libraries, own_code
from scaffold.roots.vllm_tree import VllmTree
from scaffold_validators.digest import sha256_of
from scaffold_validators.machine import machine_digest

FILES = {
    "tokenizer": (
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "merges.txt",
        "tiktoken.model",
    ),
    "chat_template": ("chat_template.jinja", "chat_template.json"),
    "generation_config": ("generation_config.json",),
    "index": ("model.safetensors.index.json",),
}
"""What else verdicts hold for, and the files that say it."""


def present_digests(
    tree: VllmTree, delivery: Path, plans: Sequence[PlanRecord], checkpoint: Checkpoint
) -> dict[str, str]:
    """Return the digests of what is served now.

    ``tree`` covers all code of both trees, whoever wrote it: Python, libraries, and what Python imports by itself.
    Documents are not part of what runs, and are filled with the verdicts afterwards.

    Args:
        tree: vLLM's.
        delivery: the repo.
        plans: all whose code the repo may have got by a commit.
        checkpoint: what is served.
    """
    parts = (*libraries(tree.root, "vllm"), *libraries(delivery, PACKAGE.name), *own_code(delivery, plans))
    return {
        "tree": hashlib.sha256(f"{tree.digest()} {digest_of(parts)}".encode()).hexdigest(),
        "checkpoint": checkpoint.digest,
        **_files_digests(checkpoint.path),
        "machine": machine_digest(),
    }


def weights_digest(checkpoint: Checkpoint) -> str:
    """Return the digest of all that a checkpoint's weight files hold; each is read as a whole."""
    text = "".join(f"{name} {sha256_of(checkpoint.path / name)}\n" for name in sorted(checkpoint.weights.shards))
    return hashlib.sha256(text.encode()).hexdigest()


def _files_digests(checkpoint: Path) -> dict[str, str]:
    """Return the digests of the files that decide what a server is asked and answers, beside config and weights."""
    found: dict[str, str] = {}
    for what, names in FILES.items():
        present = [checkpoint / name for name in names if (checkpoint / name).is_file()]
        if present:
            text = "".join(f"{path.name} {sha256_of(path)}\n" for path in present)
            found[what] = hashlib.sha256(text.encode()).hexdigest()
    return found
