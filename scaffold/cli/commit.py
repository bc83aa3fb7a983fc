"""``scaffold commit``: one signed-off commit, on evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scaffold.cli.committing import make_commit, show_dry_run
from scaffold.cli.output import Output, reporting
from scaffold.cli.roots import (
    Settings,
    accuracy_pending_option,
    name_option,
    without_option,
    without_parity_option,
    work_option,
)
from scaffold.common.names import model_name
from scaffold.evidence.gather import check_planned


@click.command("commit")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@name_option
@work_option
@click.option("--accept-device", help="Accept evidence from a device other than an NPU, such as cpu.")
@without_parity_option
@accuracy_pending_option
@without_option
@click.option("--dry-run", is_flag=True, help="Show what would be committed; write nothing.")
@reporting
def command(output: Output, checkpoint: Path, dry_run: bool, **given: Any) -> None:
    """Commit what was planned for CHECKPOINT to the delivery repo, signed off, and nothing else.

    The quality gate is shown point by point, each for exactly these trees and this checkpoint: served, answered,
    compared with the reference, features, capacity, accuracy, documents, code. If one is missing, the commit is refused
    and the point named; what cannot be shown here is excused, on record, with --without POINT REASON. Code in vLLM's
    tree that serves the model is included: as a model of vllm-ascend where that takes models, else as a patch file.
    Other people's changes in the same files are left alone.
    """
    settings = Settings(given)
    name = model_name(settings.get("name"), checkpoint)
    check_planned(settings.workspace().record(name), checkpoint)
    (show_dry_run if dry_run else make_commit)(output, settings, name)
