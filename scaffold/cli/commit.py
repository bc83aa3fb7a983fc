"""``scaffold commit``: one signed-off commit, on evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scaffold.cli.output import Output, reporting
from scaffold.cli.present import show_commit, show_prepared
from scaffold.cli.roots import Settings, accuracy_pending_option, name_option, without_parity_option, work_option
from scaffold.common.names import model_name
from scaffold.evidence.gather import check_planned
from scaffold.running.adaptation import commit_plan, prepare_commit


@click.command("commit")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@name_option
@work_option
@click.option("--accept-device", help="Accept evidence from a device other than an NPU, such as cpu.")
@without_parity_option
@accuracy_pending_option
@click.option("--dry-run", is_flag=True, help="Show what would be committed; write nothing at all.")
@reporting
def command(output: Output, checkpoint: Path, dry_run: bool, **given: Any) -> None:
    """Commit what was planned for CHECKPOINT to the delivery repo, signed off, and nothing else.

    It is refused unless on exactly these trees and this checkpoint stage real passed, and either stage parity or twin
    and stage slice. What serves the model from vLLM's tree comes along: as a model of vllm-ascend where that takes
    models, else as a patch file. Lines of others in the same files stay where they are. --without-parity takes the
    place of the latter, and the commit says so.
    """
    settings = Settings(given)
    name = model_name(settings.get("name"), checkpoint)
    check_planned(settings.workspace().record(name), checkpoint)
    excuses, device = settings.excuses(), settings.get("accept_device") or "npu"
    if dry_run:
        show_prepared(output, prepare_commit(name, settings.workspace(), device, excuses))
        return
    show_commit(output, commit_plan(name, settings.workspace(), device, excuses), excuses)
