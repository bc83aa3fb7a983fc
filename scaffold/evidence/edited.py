"""Which generated files a person has edited since: a fact that gate and report tell, and no fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from scaffold.evidence.plan_record import PlanRecord
from scaffold_validators.digest import sha256_of

Generated = Callable[[Path], str | None]
"""Path → the SHA-256 of what this tool wrote last to a file that it made, None if it did not make it."""


def is_edited(path: Path, generated: Generated) -> bool:
    """Return whether a file is there, was made by this tool, and is not what it wrote last."""
    known = generated(path)
    return known is not None and path.is_file() and sha256_of(path) != known


def edited_files(record: PlanRecord, generated: Generated) -> tuple[str, ...]:
    """Return a plan's files that were edited by hand, vLLM's tree first; each below its tree, once."""
    trees = ((record.vllm, record.vllm_files), (record.delivery, (*record.delivery_files, *record.carried)))
    found = [file for root, files in trees for file in sorted(files) if is_edited(Path(root) / file, generated)]
    return tuple(dict.fromkeys(found))
