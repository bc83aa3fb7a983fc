"""``scaffold inspect``: the model spec, fact by fact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scaffold.checkpoint.read import read_checkpoint
from scaffold.cli.output import Output, reporting
from scaffold.cli.roots import Settings, python_option
from scaffold.source.locate import find
from scaffold.spec.facts import ModelSpec
from scaffold.spec.read import read_spec


@click.command("inspect")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--modeling", type=click.Path(path_type=Path), help="The model's Python source, if it is elsewhere.")
@python_option
@reporting
def command(output: Output, checkpoint: Path, **given: Any) -> None:
    """Show what the model of CHECKPOINT is, each fact with its evidence, and what could not be determined."""
    settings = Settings(given)
    read = read_checkpoint(checkpoint)
    engine = settings.engine()
    source = find(
        read.architecture,
        read.model_type,
        dict(read.auto_map),
        read.path,
        engine.transformers if engine else None,
        settings.path("modeling"),
    )
    spec = read_spec(read, source)
    rows = [(f.name, f.value, ", ".join(e.where for e in f.evidence if e.where)) for f in spec.facts]
    output.table(str(checkpoint), ("fact", "value", "evidence"), rows)
    if spec.holes:
        output.table("Holes", ("what", "where"), [(hole.what, hole.evidence) for hole in spec.holes])
    output.document(_document(spec))


def _document(spec: ModelSpec) -> dict[str, Any]:
    return {
        "architecture": spec.architecture,
        "model_type": spec.model_type,
        "modalities": list(spec.modalities),
        "facts": [
            {
                "name": fact.name,
                "value": fact.value,
                "evidence": [{"kind": e.kind, "where": e.where} for e in fact.evidence],
            }
            for fact in spec.facts
        ],
        "holes": [{"where": h.where, "what": h.what, "evidence": h.evidence} for h in spec.holes],
    }
