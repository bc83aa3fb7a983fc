"""``scaffold commit``: one signed-off commit, on evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scaffold.cli.output import Output, reporting
from scaffold.cli.present import show_commit
from scaffold.cli.roots import Settings, name_option, without_parity_option, work_option
from scaffold.common.names import model_name
from scaffold.running.adaptation import commit_plan


@click.command("commit")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@name_option
@work_option
@click.option("--accept-device", help="Accept evidence from a device other than an NPU, such as cpu.")
@without_parity_option
@reporting
def command(output: Output, checkpoint: Path, **given: Any) -> None:
    """Commit what was planned for CHECKPOINT to the delivery repo, signed off, and nothing else.

    It is refused unless on exactly these trees and this checkpoint stage real passed, and either stage parity or twin
    and stage slice; --without-parity takes the place of the latter, and the commit says so.
    """
    settings = Settings(given)
    name = model_name(settings.get("name"), checkpoint)
    reason = settings.get("without_parity") or ""
    show_commit(output, commit_plan(name, settings.workspace(), settings.get("accept_device") or "npu", reason), reason)
