"""What ``vllm bench serve`` measured of a served model: figures of the file that it writes, never typed in by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from scaffold.common.errors import UsageError
from scaffold.delivery.accuracy import figure
from scaffold_validators.digest import sha256_of
from scaffold_validators.records import Kind

FIGURES: Mapping[str, str] = {
    "completed": "Completed requests",
    "failed": "Failed requests",
    "max_concurrency": "Requests at once, at most",
    "duration": "Duration (s)",
    "total_input_tokens": "Input tokens",
    "total_output_tokens": "Output tokens",
    "request_throughput": "Requests per second",
    "output_throughput": "Output tokens per second",
    "total_token_throughput": "Tokens per second",
    "mean_ttft_ms": "Mean time to first token (ms)",
    "median_ttft_ms": "Median time to first token (ms)",
    "p99_ttft_ms": "P99 time to first token (ms)",
    "mean_tpot_ms": "Mean time per output token (ms)",
    "median_tpot_ms": "Median time per output token (ms)",
    "p99_tpot_ms": "P99 time per output token (ms)",
}
"""Keys of the file that ``vllm bench serve --save-result`` writes (vLLM: benchmarks/serve.py) → words of a table."""


@dataclass(frozen=True)
class Benchmark:
    """One run.

    Attributes:
        command: that was run, without the local server's address and places of this machine.
        figures: key of `FIGURES` → value; what the file does not have is left out.
        device: that served.
        versions: of what served.
        date: when, in UTC, as ``2026-11-27T10:15``.
        results: the file, as it was kept.
        results_sha256: of that file.
        digests: the trees and the checkpoint that it holds for.
    """

    command: tuple[str, ...]
    figures: Mapping[str, float]
    device: str
    versions: Mapping[str, str]
    date: str
    results: str
    results_sha256: str
    digests: Mapping[str, str]

    def shown(self) -> Iterator[tuple[str, str]]:
        """Yield what a table says of each figure, and its value: a whole number without a point."""
        for key, title in FIGURES.items():
            value = self.figures.get(key)
            if value is not None:
                yield title, f"{value:.0f}" if value.is_integer() else figure(value)


BENCHMARK = Kind("benchmark", 1, Benchmark, remedy="remove the file, and run scaffold evaluate --bench again")


def read_benchmark(
    path: Path, command: tuple[str, ...], device: str, versions: Mapping[str, str], digests: Mapping[str, str]
) -> Benchmark:
    """Read the file that ``vllm bench serve --save-result`` wrote.

    Raises:
        UsageError: it cannot be read, is none, or no request was answered.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        found = {key: _number(document[key]) for key in FIGURES if document.get(key) is not None}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _no_results(path, f"no results of vllm bench serve ({error})") from error
    if not found.get("completed") or "output_throughput" not in found:
        raise _no_results(path, "results in which no request was answered")
    return Benchmark(
        command=command,
        figures=found,
        device=device,
        versions=dict(versions),
        date=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M"),
        results=str(path),
        results_sha256=sha256_of(path),
        digests=dict(digests),
    )


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no figure")
    return float(value)


def _no_results(path: Path, found: str) -> UsageError:
    return UsageError(
        found,
        where=str(path),
        expected="the file that vllm bench serve writes with --save-result, with requests that were answered",
        remedy="look into its log, and run scaffold evaluate --bench again",
    )
