"""What evaluations measured, as documents have it: accuracy and performance, each figure with its conditions."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from scaffold.delivery.accuracy import DIGITS, Accuracy, Task, figure
from scaffold.delivery.benchmark import Benchmark
from scaffold.delivery.tutorial.shown import PORT, cell, quoted

ACCURACY_HEAD = (
    "| Task | Metric | Shots | Value | Standard error |",
    "|------|--------|-------|-------|----------------|",
)
_LOCAL = re.compile(r"(//(?:127\.0\.0\.1|localhost)):\d+")
BENCHMARK_HEAD = ("| Metric | Value |", "|--------|-------|")


def accuracy_context(accuracy: Accuracy | None, place: str = "", pending: str = "") -> dict[str, Any]:
    """Return the part of the context that comes from an evaluation, or why there is none."""
    if accuracy is None:
        empty: dict[str, Any] = {"tasks": {"rows": []}, "lines": {"rows": []}}
        return {"accuracy": {**empty, "pending": cell(pending).rstrip(".")}}
    shots = {task.num_fewshot for task in accuracy.tasks}
    partly = [f"{task.samples} of {task.of} questions of {task.name}" for task in accuracy.tasks if task.is_sampled]
    template = "with" if accuracy.chat_template else "without"
    return {
        "accuracy": {
            "tasks": {"rows": [_task(task) for task in accuracy.tasks if task.metrics]},
            "lines": {"rows": list(accuracy_rows(accuracy))},
            "num_fewshot": str(max(shots)) if len(shots) == 1 else "",
            "limit": str(_limit(accuracy) or ""),
            "chat_template": json.dumps(accuracy.chat_template),
            "fewshot_as_multiturn": json.dumps(accuracy.fewshot_as_multiturn),
            "model": cell(accuracy.model),
            "command": lm_eval_command(accuracy, place),
            "lm_eval_version": cell(accuracy.lm_eval_version),
            "date": accuracy.date,
            "how": f"{', '.join(map(str, sorted(shots)))} shots, {template} the chat template",
            "sampled": f"; only {', '.join(partly)}" if partly else "",
            "pending": "",
        }
    }


def _limit(accuracy: Accuracy) -> int | None:
    """Return the number of questions of each task that all of them were limited to; None without one such number."""
    sampled = {task.samples for task in accuracy.tasks if task.is_sampled}
    (limit,) = sampled if len(sampled) == 1 else (None,)
    return limit if limit and all(task.samples == min(task.of, limit) for task in accuracy.tasks) else None


def _task(task: Task) -> dict[str, Any]:
    metrics = [{"name": json.dumps(m.name), "value": round(m.value, DIGITS)} for m in task.metrics]
    return {"name": json.dumps(task.name), "metrics": metrics}


def accuracy_rows(accuracy: Accuracy | None) -> tuple[str, ...]:
    """Return the lines of the tutorial's table of accuracy; none without an evaluation."""
    if accuracy is None:
        return ()
    rows = [
        f"| {cell(task.name)} | {cell(metric.name)} | {task.num_fewshot} | {figure(metric.value)} | "
        f"{_error(metric.stderr)} |"
        for task in accuracy.tasks
        for metric in task.metrics
    ]
    return (*ACCURACY_HEAD, *rows)


def _error(value: float | None) -> str:
    if value is None:
        return "–"
    return f"± {value:.{DIGITS}f}" if round(value, DIGITS) or not value else f"± {figure(value)}"


def lm_eval_command(accuracy: Accuracy, place: str) -> str:
    """Return the command of an evaluation, against the server of the tutorial, with the tokenizer of its checkpoint."""
    told = _LOCAL.sub(rf"\g<1>:{PORT}", accuracy.model_args)
    arguments = [f"tokenizer={place}" if a.startswith("tokenizer=") else a for a in told.split(",") if a]
    names = [task.name for task in accuracy.tasks]
    lines = [f"lm_eval --model {shlex.quote(accuracy.model)}", f"--tasks {shlex.quote(','.join(names))}"]
    if arguments:
        lines.insert(1, f"--model_args {shlex.quote(','.join(arguments))}")
    shots = {task.num_fewshot for task in accuracy.tasks}
    lines += [f"--num_fewshot {n}" for n in shots if len(shots) == 1]
    lines += [f"--limit {_limit(accuracy)}"] if _limit(accuracy) else []
    lines += ["--apply_chat_template"] if accuracy.chat_template else []
    lines += ["--fewshot_as_multiturn"] if accuracy.fewshot_as_multiturn else []
    return " \\\n    ".join([*lines, "--output_path ./"])


def benchmark_context(benchmark: Benchmark | None, place: str = "") -> dict[str, Any]:
    """Return the part of the context that comes from ``vllm bench serve``; without figures where it was not run."""
    if benchmark is None:
        return {"benchmark": {"lines": {"rows": []}}}
    return {
        "benchmark": {
            "lines": {"rows": list(benchmark_rows(benchmark))},
            "command": _placed(benchmark.command, place),
            "device": cell(benchmark.device.upper()),
            "date": benchmark.date,
            "versions": ", ".join(f"{cell(name)} {cell(v)}" for name, v in sorted(benchmark.versions.items())),
        }
    }


def benchmark_rows(benchmark: Benchmark | None) -> tuple[str, ...]:
    """Return the lines of the tutorial's table of performance; none where it was not measured."""
    if benchmark is None:
        return ()
    return (*BENCHMARK_HEAD, *(f"| {name} | {value} |" for name, value in benchmark.shown()))


def _placed(command: tuple[str, ...], place: str) -> str:
    """Return the command in lines, an option each, with a reader's place of the checkpoint."""
    lines: list[str] = []
    for word in command:
        shown = quoted(place) if word == CHECKPOINT else shlex.quote(word)
        if lines and not word.startswith("--"):
            lines[-1] += f" {shown}"
        else:
            lines.append(shown)
    return " \\\n    ".join(lines)


CHECKPOINT = "{checkpoint}"
"""Stands in a benchmark's command for the folder that was served."""
