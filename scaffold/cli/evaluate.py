"""``scaffold evaluate``: accuracy of a planned model, from ``lm_eval`` and nowhere else, and its performance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scaffold.cli.live import live
from scaffold.cli.output import Output, reporting
from scaffold.cli.roots import (
    Settings,
    name_option,
    patience_options,
    python_option,
    required,
    serve_options,
    work_option,
)
from scaffold.cli.serving import gate_settings, serve_settings
from scaffold.common.errors import UsageError
from scaffold.common.names import model_name
from scaffold.delivery.accuracy import Accuracy, figure
from scaffold.evidence.gather import check_planned
from scaffold.running.evaluation import Load, Measured, Tasks, evaluate, own_python, take_results
from scaffold_validators.records import unstructure

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
COUNT = click.IntRange(min=1)
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command("evaluate")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--results", type=FILE, help="Use this results file of lm_eval instead of running it.")
@click.option("--tasks", help="Tasks of lm_eval, separated by commas (such as gsm8k).")
@click.option("--include-path", type=FOLDER, help="A folder with tasks of your own.")
@click.option("--num-fewshot", type=click.IntRange(min=0), help="Few-shot examples before each question.")
@click.option(
    "--limit", type=click.IntRange(min=1), help="Ask only this many questions of each task; the documents say so."
)
@click.option("--chat", is_flag=True, help="Ask in the model's chat template.")
@click.option(
    "--lm-eval-python",
    type=click.Path(path_type=Path),
    help="The Python that has lm_eval (default: the one that runs scaffold).",
)
@click.option("--bench", is_flag=True, help="Also measure performance: vllm bench serve, against the same server.")
@click.option("--bench-prompts", type=COUNT, default=Load.prompts, show_default=True, help="Number of requests.")
@click.option("--bench-input-len", type=COUNT, default=Load.input_len, show_default=True, help="Tokens per prompt.")
@click.option("--bench-output-len", type=COUNT, default=Load.output_len, show_default=True, help="Tokens per answer.")
@click.option(
    "--bench-concurrency", type=COUNT, default=Load.concurrency, show_default=True, help="Concurrent requests."
)
@name_option
@work_option
@python_option
@serve_options
@patience_options
@reporting
def command(
    output: Output, checkpoint: Path, results: Path | None, tasks: str | None, bench: bool, **given: Any
) -> None:
    """Measure the accuracy and performance of what was planned for CHECKPOINT, for test config, tutorial and commit.

    The model is served as in the gates, and lm_eval runs the tasks; or --results takes a file that lm_eval wrote
    elsewhere for exactly these trees and this checkpoint. --bench measures performance with vllm bench serve.
    """
    settings = Settings(given)
    name, workspace = model_name(settings.get("name"), checkpoint), settings.workspace()
    if (results is None and tasks is None and not bench) or (results is not None and (tasks is not None or bench)):
        raise UsageError(
            "neither --tasks nor --results nor --bench" if results is None else "--results with --tasks or --bench",
            where="the call",
            expected="what a server is to be asked, or a file alone",
            remedy="name what lm_eval is to ask, such as --tasks gsm8k, or pass the file that it wrote",
        )
    check_planned(workspace.record(name), checkpoint)
    if results is not None:
        found = Measured(take_results(workspace, name, results))
    else:
        found = _measured(output, settings, checkpoint, tasks, bench)
    show_measured(output, found)


def _measured(output: Output, settings: Settings, checkpoint: Path, tasks: str | None, bench: bool) -> Measured:
    from scaffold.checkpoint.read import read_checkpoint

    asked = None if tasks is None else _asked(settings, tasks)
    sizes = [settings.number(f"bench_{name}") for name in ("prompts", "input_len", "output_len", "concurrency")]
    load = Load(*(size for size in sizes if size is not None)) if bench else None
    name = model_name(settings.get("name"), checkpoint)
    engine, lm_eval = required(settings.engine()), settings.path("lm_eval_python") or own_python()
    with live(output) as view:
        return evaluate(
            *(settings.workspace(), name, read_checkpoint(checkpoint), engine, serve_settings(settings), asked, load),
            *(lm_eval, view.report, view.hear, gate_settings(settings).patience),
        )


def _asked(settings: Settings, tasks: str) -> Tasks:
    return Tasks(
        tuple(filter(None, (task.strip() for task in tasks.split(",")))),
        settings.number("num_fewshot"),
        settings.number("limit"),
        settings.path("include_path"),
        settings.switch("chat"),
    )


def show_measured(output: Output, found: Measured) -> None:
    """Show what was measured, and of how many questions."""
    if found.accuracy is not None:
        show_accuracy(output, found.accuracy)
    if found.benchmark is not None:
        output.table("Performance", ("metric", "value"), list(found.benchmark.shown()))
    measured = {"accuracy": found.accuracy, "benchmark": found.benchmark}
    output.document({name: unstructure(value) for name, value in measured.items() if value is not None})


def show_accuracy(output: Output, accuracy: Accuracy) -> None:
    """Show what was measured, and of how many questions."""
    rows = [
        (
            task.name,
            metric.name,
            str(task.num_fewshot),
            figure(metric.value),
            "–" if metric.stderr is None else f"± {figure(metric.stderr)}",
            f"{task.samples} of {task.of}",
        )
        for task in accuracy.tasks
        for metric in task.metrics
    ]
    output.table("Accuracy", ("task", "metric", "shots", "value", "standard error", "questions"), rows)
