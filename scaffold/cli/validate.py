"""``scaffold validate``: the gates, for a model that was planned before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scaffold.checkpoint.read import read_checkpoint
from scaffold.cli.output import Output, reporting
from scaffold.cli.present import show_verdicts, verdicts_document
from scaffold.cli.roots import (
    DIRECTORY,
    Settings,
    name_option,
    python_option,
    required,
    serve_options,
    tree_options,
    work_option,
)
from scaffold.cli.serving import serve_settings
from scaffold.cli.settings import container_root
from scaffold.common.names import model_name
from scaffold.running.validation import validate
from scaffold_validators.stages.table import gates, with_needs

STATIC = "static"
"""Before any server: `scaffold.running.static`."""
ALL = "all"
GATES = tuple(stage.name for stage in gates())


@click.command("validate")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--stage", type=click.Choice([STATIC, *GATES, ALL]), default=ALL, help="Which gate (default: all).")
@name_option
@python_option
@work_option
@serve_options
@tree_options
@click.option("--adapter", type=DIRECTORY, help="Stage static: a model file outside of vLLM's tree that serves it.")
@reporting
def command(output: Output, checkpoint: Path, stage: str, **given: Any) -> int:
    """Start `vllm serve` for CHECKPOINT and let it answer real requests."""
    settings = Settings(given)
    if stage == STATIC:
        return _static(output, settings, checkpoint)
    workspace = settings.workspace()
    name = model_name(settings.get("name"), checkpoint)
    stages = with_needs(GATES if stage == ALL else (stage,))
    read = read_checkpoint(checkpoint)
    workspace.record(name)
    engine = required(settings.engine())
    verdicts = validate(workspace, name, read, engine, serve_settings(settings), stages, output.progress)
    show_verdicts(output, verdicts)
    output.document(verdicts_document(verdicts))
    return 0 if all(verdict.passed for verdict in verdicts) else 1


def _static(output: Output, settings: Settings, checkpoint: Path) -> int:
    from scaffold.cli.static import show_static
    from scaffold.running.static import static_check

    engine = settings.engine()
    ascend = settings.path("vllm_ascend") or settings.path("delivery") or container_root("vllm_ascend")
    report = static_check(
        read_checkpoint(checkpoint),
        settings.vllm(),
        ascend,
        engine.transformers if engine else None,
        adapter=settings.path("adapter"),
    )
    show_static(output, report, bool(settings.given.get("verbose")))
    return 1 if report.stops else 0


command.help = "\n\n".join(
    [
        str(command.help),
        "Stage static: what can be known before any server is started. "
        + " ".join(f"Stage {gate.name}: {gate.proves}." for gate in gates()),
    ]
)
