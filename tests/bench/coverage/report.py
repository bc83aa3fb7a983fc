"""The table of ``docs/coverage.md``, written from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.bench.coverage.measure import Result
from tests.bench.coverage.outcomes import TOLERANCE

HEADER = """# Coverage

Written by `make bench-coverage`. For each architecture, the benchmark makes a small checkpoint (random weights, norms,
biases, router corrections), generates an adapter with `scaffold new-model --strategy native --placement plugin`, and
serves it in float32, eager, on the CPU. The same run serves vLLM's own native model, if its registry has one, and its
Transformers backend. *Right* means: log probabilities of all prompt tokens within {tolerance:g}
of transformers', and all greedy tokens the same. For the adapter it also means: no hole, every tensor routed, the
weight proof holds at tensor-parallel 1, 2 and 4, and no platform is named. A *hole* is anything that the evidence does
not determine: it is reported with file and lines, and no adapter is written over it.

Adapters are served with stand-ins for kernels of the CPU engine that compute wrong results ([twin.md](twin.md)); vLLM's
own models and backend are served as shipped. Stand-ins were used for the adapters of axk1, deepseek_v2, deepseek_v3,
ernie4_5_moe, glm4_moe_lite, hy_v3 and minimax_m2: without them, these would be wrong or fail on this engine.

vLLM {vllm}, transformers {transformers}.
"""
COLUMNS = (
    "architecture",
    "adapter",
    "holes",
    "proof",
    "loaded",
    "largest difference",
    "greedy tokens",
    "generation",
    "vLLM's native model",
    "Transformers backend",
)


def document(results: Sequence[Result], versions: Mapping[str, str], notes: Mapping[str, str], seconds: float) -> str:
    """Return the whole page."""
    listed = [result for result in results if result.row.listed]
    extra = [result for result in results if not result.row.listed]
    parts = [HEADER.format(tolerance=TOLERANCE, **versions), "## Summary\n", summary(listed), ""]
    parts += ["## The list\n", table(listed)]
    if extra:
        parts += ["", "## Others, and variants\n", summary(extra), "", table(extra)]
    named = [f"- {name}: {text}" for name, text in notes.items() if any(r.row.name == name for r in results)]
    if named:
        parts += ["", "## Notes\n", *named]
    parts += ["", f"The run took {seconds / 60:.0f} minutes."]
    return "\n".join(parts) + "\n"


def summary(results: Sequence[Result]) -> str:
    """Return the counts that matter."""
    count = len(results)
    right = sum(result.right for result in results)
    wrong = [result.row.name for result in results if result.wrong]
    native = sum(result.native.right for result in results)
    backend = sum(result.backend.right for result in results)
    either = sum(result.native.right or result.backend.right for result in results)
    slowest = max((result.generated.seconds for result in results), default=0.0)
    return (
        f"Of {count}: generated adapters right {right}, with holes {sum(bool(r.generated.holes) for r in results)}, "
        f"wrong without a hole {len(wrong)}{' (' + ', '.join(wrong) + ')' if wrong else ''}; "
        f"vLLM's native models right {native}, Transformers backend right {backend}, either {either}. "
        f"Slowest generation {slowest:.1f} s."
    )


def table(results: Sequence[Result]) -> str:
    """Return the rows as Markdown."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "| " + " | ".join("---" for _ in COLUMNS) + " |"]
    return "\n".join([*lines, *("| " + " | ".join(cells(result)) + " |" for result in results)])


def cells(result: Result) -> tuple[str, ...]:
    """Return one row."""
    own, made = result.own, result.generated
    return (
        result.row.name,
        "right" if result.right else "wrong" if result.wrong else "hole" if made.holes else "fails",
        str(len(made.holes)),
        "holds" if made.proved else "–",
        "yes" if own.loaded else "no",
        "–" if own.difference is None else f"{own.difference:.1e}",
        f"{own.greedy}/{own.asked}" if own.loaded else "–",
        f"{made.seconds:.1f} s",
        result.native.word if result.native_known else "none",
        result.backend.word,
    )
