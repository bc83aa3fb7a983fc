"""The verdicts that count for a model: those on exactly the present trees and checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.evidence.digests import present_digests
from scaffold.evidence.workspace import Workspace
from scaffold.roots.vllm_tree import read_vllm_tree


@dataclass(frozen=True)
class Evidence:
    """A planned model as it is now, and what was shown of it."""

    record: Mapping[str, Any]
    checkpoint: Checkpoint
    digests: Mapping[str, str]
    verdicts: tuple[dict[str, Any], ...]
    """All that are kept, those of earlier states too."""

    @property
    def current(self) -> tuple[dict[str, Any], ...]:
        """Return the verdicts that hold for the present state."""
        return tuple(v for v in self.verdicts if v["digests"] == self.digests)


def gather(workspace: Workspace, name: str, checkpoint: Checkpoint | None = None) -> Evidence:
    """Collect what is known of a planned model.

    Raises:
        UsageError: nothing was planned for it, or the tree is gone.
        CheckpointError: the checkpoint cannot be read any more.
    """
    record = workspace.record(name)
    checkpoint = checkpoint or read_checkpoint(Path(record["checkpoint"]))
    files = [Path(file) for file in record["delivery_files"]]
    digests = present_digests(read_vllm_tree(Path(record["vllm"])), Path(record["delivery"]), files, checkpoint)
    return Evidence(record, checkpoint, digests, tuple(workspace.verdicts(name)))
