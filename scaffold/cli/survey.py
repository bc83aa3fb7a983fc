"""``scaffold survey``: which of a vLLM tree's own text decoders compute what transformers computes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scaffold.cli.one_core import one_core
from scaffold.cli.output import Output, reporting
from scaffold.cli.roots import DIRECTORY, Settings, python_option, required, twin_seconds_option, work_option
from scaffold.cli.serving import twin_workers
from scaffold.common.errors import EnvironmentLacks, UsageError

if TYPE_CHECKING:
    from scaffold.running.survey import Decoder


@click.command("survey")
@click.option("--vllm", type=DIRECTORY, help="The vLLM source tree.")
@click.option("--only", help="Architectures or model types, such as LlamaForCausalLM,gemma2 (default: all).")
@click.option("--output", "table", type=click.Path(path_type=Path), help="Write the table to this Markdown file.")
@work_option
@python_option
@twin_seconds_option
@reporting
def command(output: Output, only: str | None, table: Path | None, **given: Any) -> int:
    """Serve a twin of each text decoder that vLLM registers and transformers has, and compare the two.

    Results are kept below the work directory: an interrupted run continues where it stopped.
    """
    from scaffold.roots.vllm_tree import read_vllm_tree

    with one_core():
        from scaffold.running.survey import COLUMNS, cells, decoders, markdown, survey
    from scaffold_validators.engine import check_import_path
    from scaffold_validators.twin.workers import workers_for_many

    settings = Settings(given)
    engine, vllm = required(settings.engine()), settings.vllm()
    check_import_path(engine, vllm)
    if engine.transformers is None:
        raise EnvironmentLacks(
            "no transformers",
            where=str(engine.python),
            expected="the transformers that twins are made with and compared with",
            remedy="install it there, or name another environment with --python",
        )
    known = decoders(read_vllm_tree(vllm), engine.transformers)
    chosen = _chosen(known, only)
    folder = settings.workspace().folder / "survey"
    rows = []
    with workers_for_many(engine, twin_workers(settings).seconds) as workers:
        for row in survey(chosen, engine, folder, output.progress, workers):
            rows.append(row)
            output.line(f"{row.outcome:9} {row.architecture}  {row.where}")
    output.table("Survey", COLUMNS, [cells(row) for row in rows])
    output.document({"survey": [asdict(row) for row in rows]})
    if table is not None:
        table.write_text(markdown(rows), encoding="utf-8")
    return 0


def _chosen(known: dict[str, Decoder], only: str | None) -> list[Decoder]:
    """Return the decoders that are asked for.

    Raises:
        UsageError: one of them is none that both vLLM and transformers have.
    """
    if only is None:
        return list(known.values())
    asked = only.replace(",", " ").split()
    names = {word: decoder for decoder in known.values() for word in (decoder.architecture, decoder.model_type)}
    unknown = [word for word in asked if word not in names]
    if unknown:
        raise UsageError(
            f"no text decoder {', '.join(unknown)}",
            where="--only",
            expected="architectures or model types that the tree registers and transformers has",
            remedy="leave it out to survey all of them",
        )
    return [names[word] for word in asked]
