"""``scaffold undo``: the last run, taken back."""

from __future__ import annotations

from typing import Any

import click

from scaffold.cli.output import Output, reporting
from scaffold.cli.roots import Settings, work_option
from scaffold.delivery.taken_back import call_for
from scaffold.running.adaptation import undo_last


@click.command("undo")
@work_option
@reporting
def command(output: Output, **given: Any) -> None:
    """Take back the last run of this work directory, byte for byte; call it again for the run before.

    Edits that were made since to other lines of a file stay. A commit that was made stays in git.
    """
    undone = undo_last(Settings(given).workspace())
    if undone.paths:
        whole = [(str(file),) for file in undone.paths if file not in undone.edited]
        if whole:
            output.table("As before again", ("path",), whole)
        for file in undone.edited:
            output.line(f"{file}: the run's own lines are taken back; what was edited there since stays")
    else:
        output.line("every file of the last run is as before it already; the run counts as taken back")
    commits = {str(repo): list(hashes) for repo, hashes in undone.committed.items()}
    output.document(
        {
            "files": [str(file) for file in undone.paths],
            "edited": [str(file) for file in undone.edited],
            "committed": commits,
        }
    )
    for repo, hashes in undone.committed.items():
        stays = f"commit {', '.join(hashes)} stays in git, where its files are taken back with"
        output.line(f"{stays}: {call_for(repo, undone.paths, hashes)}")
