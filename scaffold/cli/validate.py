"""``scaffold validate``: the gates, for a model that was planned before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scaffold.checkpoint.read import read_checkpoint
from scaffold.cli.output import Output, reporting
from scaffold.cli.present import show_verdicts, verdicts_document
from scaffold.cli.roots import (
    Settings,
    name_option,
    parity_options,
    python_option,
    required,
    serve_options,
    work_option,
)
from scaffold.cli.serving import parity_settings, serve_settings
from scaffold.common.names import model_name
from scaffold.running.validation import validate
from scaffold_validators.stages.table import gates, with_needs

ALL = "all"
GATES = tuple(stage.name for stage in gates())


@click.command("validate")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--stage", type=click.Choice([*GATES, ALL]), default=ALL, help="Which gate (default: all).")
@name_option
@python_option
@work_option
@serve_options
@parity_options
@reporting
def command(output: Output, checkpoint: Path, stage: str, **given: Any) -> int:
    """Start `vllm serve` for CHECKPOINT and let it answer real requests."""
    settings = Settings(given)
    workspace = settings.workspace()
    name = model_name(settings.get("name"), checkpoint)
    stages = with_needs(GATES if stage == ALL else (stage,))
    read = read_checkpoint(checkpoint)
    workspace.record(name)
    engine = required(settings.engine())
    serving, parity = serve_settings(settings), parity_settings(settings)
    verdicts = validate(workspace, name, read, engine, serving, stages, output.progress, parity)
    show_verdicts(output, verdicts)
    output.document(verdicts_document(verdicts))
    return 0 if all(verdict.passed for verdict in verdicts) else 1


command.help = "\n\n".join([str(command.help), " ".join(f"Stage {gate.name}: {gate.proves}." for gate in gates())])
