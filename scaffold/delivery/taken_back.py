"""How a commit is taken back in git once its files are: there ``git revert`` finds changes that it would overwrite."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path


def call_for(repo: Path, files: Sequence[Path], commits: Sequence[str]) -> str:
    """Return the call that commits files as they are now: as they were before, with what a user wrote in them since.

    Args:
        repo: the delivery repo.
        files: those that were taken back, in whatever tree.
        commits: the hashes that they were committed by.
    """
    from git import Repo

    root = repo.resolve()
    below = sorted(str(file.relative_to(root)) for file in files if file.is_relative_to(root))
    known = Repo(root).git.ls_files("-z", "--", *below).split("\0") if below else []
    words = ["commit", "-sm", f"Revert {', '.join(one[:12] for one in commits)}", "--", *filter(None, known)]
    return shlex.join(["git", "-C", str(repo), *words])
