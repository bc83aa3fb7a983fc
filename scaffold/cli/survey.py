"""``scaffold survey``: which of a vLLM tree's own text decoders compute what transformers computes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from scaffold.cli.output import Output, reporting
from scaffold.cli.roots import DIRECTORY, Settings, python_option, required, work_option
from scaffold.common.errors import EnvironmentLacks, UsageError


@click.command("survey")
@click.option("--vllm", type=DIRECTORY, help="The vLLM source tree.")
@click.option("--only", help="Architectures or model types, such as LlamaForCausalLM,gemma2 (default: all).")
@click.option("--output", "table", type=click.Path(path_type=Path), help="Write the table to this Markdown file.")
@work_option
@python_option
@reporting
def command(output: Output, only: str | None, table: Path | None, **given: Any) -> int:
    """Serve a twin of each text decoder that vLLM registers and transformers has, and compare.

    What was surveyed is kept below the work directory: a run that was interrupted goes on where it was.
    """
    from scaffold.roots.vllm_tree import read_vllm_tree
    from scaffold.running.survey import COLUMNS, decoders, markdown, survey
    from scaffold_validators.engine import check_import_path

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
    for row in survey(chosen, engine, folder, output.progress):
        rows.append(row)
        output.line(f"{row.outcome:9} {row.architecture}  {row.where}")
    output.table("Survey", COLUMNS, [(r.architecture, r.model_type, r.outcome, r.where, r.reason) for r in rows])
    output.document({"survey": [asdict(row) for row in rows]})
    if table is not None:
        table.write_text(markdown(rows), encoding="utf-8")
    return 0


def _chosen(known: dict[str, str], only: str | None) -> dict[str, str]:
    """Return the decoders that are asked for.

    Raises:
        UsageError: one of them is none that both vLLM and transformers have.
    """
    if only is None:
        return known
    asked = only.replace(",", " ").split()
    unknown = [word for word in asked if word not in known and word not in known.values()]
    if unknown:
        raise UsageError(
            f"no text decoder {', '.join(unknown)}",
            where="--only",
            expected="architectures or model types that the tree registers and transformers has",
            remedy="leave it out to survey all of them",
        )
    return {name: model_type for name, model_type in known.items() if name in asked or model_type in asked}
