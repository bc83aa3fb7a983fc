"""Figures of ``vllm bench serve``: from its file, with what was run, and none that was typed in."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from scaffold.common.errors import UsageError
from scaffold.delivery.accuracy import figure
from scaffold.delivery.benchmark import BENCHMARK, Benchmark, read_benchmark
from scaffold.delivery.measured import CHECKPOINT, benchmark_context, benchmark_rows
from scaffold.evidence.workspace import Workspace
from scaffold_validators.problem import Problem
from tests.rows import each

RESULT = {"completed": 8, "failed": 0, "output_throughput": 12.34567, "mean_ttft_ms": 0.000312, "ttfts": [1.0]}
COMMAND = ("vllm", "bench", "serve", "--model", CHECKPOINT, "--port", "8000", "--ignore-eos")


def benchmark(folder: Path, **changed: Any) -> Benchmark:
    path = folder / "bench.json"
    path.write_text(json.dumps({**RESULT, **changed}))
    return read_benchmark(path, COMMAND, "npu", {"vllm": "0.32.0"}, {"tree": "t"})


def test_a_table_has_the_figures_of_the_file_and_no_others(tmp_path: Path) -> None:
    rows = benchmark_rows(benchmark(tmp_path))
    assert dict(benchmark(tmp_path).shown())["Completed requests"] == "8", "as the command line shows it, too"
    assert rows[2:] == (
        "| Completed requests | 8 |",
        "| Failed requests | 0 |",
        "| Output tokens per second | 12.3457 |",
        "| Mean time to first token (ms) | 3.120e-04 |",
    )
    assert benchmark_rows(None) == ()


def test_the_command_is_one_that_a_reader_can_run(tmp_path: Path) -> None:
    found = benchmark_context(benchmark(tmp_path), "lab/nova")["benchmark"]
    words = shlex.split(found["command"].replace("\\\n", ""))
    assert words == ["vllm", "bench", "serve", "--model", "lab/nova", "--port", "8000", "--ignore-eos"]
    assert (found["device"], found["versions"]) == ("NPU", "vllm 0.32.0")


@pytest.mark.parametrize("changed", [{"completed": 0}, {"output_throughput": "fast"}, {"mean_ttft_ms": float("nan")}])
def test_a_file_without_answered_requests_is_none(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"no results of vllm bench serve|no request was answered"):
        benchmark(tmp_path, **changed)


def test_a_file_that_was_changed_is_found(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.measured(BENCHMARK, "nova") is None
    workspace.save_measured(BENCHMARK, "nova", benchmark(tmp_path))
    kept = workspace.measured(BENCHMARK, "nova")
    assert kept is not None
    Path(kept.results).write_text(json.dumps({**RESULT, "output_throughput": 99.0}))
    with pytest.raises(Problem, match=r"the results that .* was made of"):
        workspace.measured(BENCHMARK, "nova")


@each(
    ("value", "shown"),
    [(0.71239999, "0.7124"), (1.0, "1.0"), (0.0, "0.0"), (0.00012346, "1.235e-04"), (-3e-9, "-3.000e-09")],
)
def test_a_small_figure_is_not_shown_as_none(value: float, shown: str) -> None:
    assert figure(value) == shown
