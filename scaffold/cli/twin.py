"""``scaffold twin``: a plugin as it is on disk, edited by hand or not, proved on the model's twin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scaffold.cli.clock import clock
from scaffold.cli.output import Output, reporting
from scaffold.cli.present import show_verdicts, verdicts_document
from scaffold.cli.roots import Settings, name_option, python_option, required, twin_seconds_option, work_option
from scaffold.cli.serving import twin_workers
from scaffold.common.names import model_name


@click.command("twin")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--plugin", type=click.Path(path_type=Path), required=True, help="The plugin's folder.")
@name_option
@work_option
@python_option
@twin_seconds_option
@click.option("--trust-remote-code", is_flag=True, help="Let vLLM and transformers run the checkpoint's code.")
@reporting
def command(output: Output, checkpoint: Path, plugin: Path, **given: Any) -> int:
    """Serve a twin of CHECKPOINT, a small random copy, through a plugin and compare it with transformers."""
    from scaffold.checkpoint.read import read_checkpoint
    from scaffold.running.twin import prove_plugin

    settings = Settings(given)
    engine = required(settings.engine())
    log = settings.workspace().logs(model_name(settings.get("name"), checkpoint)) / "twin.log"
    trust = settings.switch("trust_remote_code")
    with clock(output, "making the twin, serving it, comparing with transformers"):
        verdict = prove_plugin(read_checkpoint(checkpoint), plugin, engine, log, trust, twin_workers(settings))
    show_verdicts(output, [verdict])
    output.document(verdicts_document([verdict], kept=False))
    return 0 if verdict.passed else 1
