"""``scaffold validate``: the gates, for a model that was planned before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from scaffold.checkpoint.read import read_checkpoint
from scaffold.cli.live import live
from scaffold.cli.on import HERE, Call, container_of, on_option, run_in
from scaffold.cli.output import Output, reporting
from scaffold.cli.present import show_verdicts, verdicts_document
from scaffold.cli.roots import (
    DIRECTORY,
    Settings,
    gate_options,
    name_option,
    parity_options,
    python_option,
    required,
    serve_options,
    tree_options,
    work_option,
)
from scaffold.cli.serving import gate_settings, parity_settings, serve_settings
from scaffold.cli.soc import soc_option
from scaffold.cli.stages import ALL, STATIC, chosen_stages, stage_option
from scaffold.cli.static_first import is_of_plan, static_of_plan, static_of_trees
from scaffold.common.errors import UsageError
from scaffold.common.names import model_name
from scaffold.running.validation import validate
from scaffold_validators.stages.table import gates
from scaffold_validators.verdict import Verdict

FIRST = (None, STATIC, ALL)
"""What ``--stage`` says where stage static comes first, as ``new-model --validate`` has it always."""


@click.command("validate")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("extra", nargs=-1, type=click.UNPROCESSED, metavar="[-- EXTRA...]")
@stage_option
@name_option
@python_option
@work_option
@serve_options
@gate_options
@parity_options
@tree_options
@soc_option
@on_option
@click.option("--adapter", type=DIRECTORY, help="Stage static: the model file that serves it, if outside vLLM's tree.")
@reporting
def command(output: Output, checkpoint: Path, extra: tuple[str, ...], stage: str | None, **given: Any) -> int:
    """Start `vllm serve` for CHECKPOINT and have it answer real requests. What follows `--` is passed on to it."""
    settings = Settings(given)
    if extra and not extra[0].startswith("-"):
        raise UsageError(
            f"a second argument {extra[0]!r}",
            where="the call",
            expected="one checkpoint, and arguments of vllm serve after --",
            remedy=f"name one checkpoint at a time, such as scaffold validate {checkpoint} -- {' '.join(extra)}",
        )
    workspace = settings.workspace()
    name = model_name(settings.get("name"), checkpoint)
    read = read_checkpoint(checkpoint)
    image = settings.get("on") or HERE
    if image != HERE:
        context = click.get_current_context()
        call = Call(context.command, Settings({**context.params, "name": name}), (str(checkpoint.absolute()),), extra)
        return run_in(
            container_of(image, workspace.record(name), workspace.work, checkpoint), call.words(workspace.work)
        )
    if stage == STATIC and not is_of_plan(settings, workspace, name, checkpoint):
        return 1 if static_of_trees(output, settings, read) else 0
    stages = chosen_stages(stage)
    before: list[Verdict] = []
    if stage in FIRST:
        workspace.record(name)
        before.append(static_of_plan(output, settings, workspace, name, read))
        if stage == STATIC or before[0].failed:
            return 1 if before[0].failed else 0
    engine = required(settings.engine())
    serving, parity = serve_settings(settings, extra), parity_settings(settings)
    with live(output) as view:
        options = replace(gate_settings(settings), hear=view.hear)
        verdicts = validate(workspace, name, read, engine, serving, stages, view.report, parity, options)
    show_verdicts(output, [*before, *verdicts])
    output.document(verdicts_document(verdicts))
    return 0 if all(verdict.passed for verdict in verdicts) else 1


command.help = "\n\n".join(
    [
        str(command.help),
        "Stage static: what can be known before any server is started. "
        + " ".join(f"Stage {gate.name}: {gate.proves}." for gate in gates()),
    ]
)
