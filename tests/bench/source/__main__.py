"""``make bench-source``: what the interpreter computes, against what PyTorch computes, for every decoder.

``ONLY="llama mixtral"`` runs a few. ``PYTHONS`` are of environments with earlier releases of transformers, whose
models are then read as remote code (`earlier`), after single operations (`operations`). It ends with 1 if the
interpreter computes anything else than PyTorch, or knows something that has no case.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.bench.source import operations
from tests.bench.source.compare import Comparison, compare
from tests.bench.source.earlier import measure, release_of
from tests.bench.source.rows import make_references, rows
from tests.source.known import without_case

PAGE = Path("docs/interpreter.md")
HEAD = """# The interpreter against PyTorch

Written by `make bench-source`: each architecture's source runs in the interpreter and in PyTorch with the same random
weights and tokens, both in float64. The difference is the largest difference of the logits, divided by the largest
logit (at least 1).

| model | difference | operations | seconds |
| --- | --- | --- | --- |
"""
EARLIER = """
## Models of earlier releases, as remote code

Written by `make bench-source PYTHONS="<python with transformers 4.44> <…>"`: the models of a release are
placed beside a checkpoint as labs ship them, with imports from `transformers`, and are read with the library of the
engine's release; PyTorch runs them with the library of their own release.

| transformers | models that it knows and runs | agree | holes | differ |
| --- | --- | --- | --- | --- |
"""


def line(result: Comparison) -> str:
    """Return a row of the table."""
    if result.difference is None:
        return f"| {result.name} | hole: {result.hole} | | |"
    verdict = f"{result.difference:.0e}" + ("" if result.agrees else " **differs**")
    return f"| {result.name} | {verdict} | {result.operations:,} | {result.seconds:.2f} |"


def parts() -> tuple[str, str, str]:
    """Return the page's parts: today's models, single operations, models of earlier releases."""
    above, head, releases = PAGE.read_text().partition(EARLIER)
    models, _, _ = above.partition(operations.HEAD)
    return models, above[len(models) :], head + releases


def section(head: str, before: str, rows: list[str], told: list[str], said: str = "") -> str:
    """Return a part of the page; rows and notes of releases that are not among these stay as they were."""
    new = {_release(row) for row in rows}
    lines = before.removeprefix(head).splitlines()
    rows = [*(line for line in lines if line[:2] == "| " and line[2:3].isdigit() and _release(line) not in new), *rows]
    told = [*(line for line in lines if line[:2] == "- " and _release(line) not in new), *told]
    paragraphs = ["\n".join(sorted(rows, key=_release)), said, "\n".join(sorted(told, key=_release))]
    return head + "\n\n".join(filter(None, paragraphs)) + "\n"


def _release(line: str) -> tuple[int, ...]:
    """Return the release that a row or a note begins with."""
    return tuple(map(int, line[2:].replace(",", " ").split()[0].split(".")))


def single(pythons: list[str]) -> bool:
    """Measure single operations with the engine's release and others, and return whether none differs.

    They are printed, and written where others are among them.
    """
    found = []
    for cases in operations.measure(pythons):
        found.append(cases)
        print("\n".join([cases.line, *cases.told]), flush=True)
    print(operations.said())
    if pythons:
        models, before, releases = parts()
        lines = [cases.line for cases in found]
        told = [line for cases in found for line in cases.told]
        written = section(operations.HEAD, before, lines, told, operations.said())
        PAGE.write_text(models + written + releases)
    return not any(cases.is_wrong for cases in found) and not without_case()


def earlier(pythons: list[str], only: list[str]) -> bool:
    """Measure earlier releases, print and write a row of each as soon as it is known; return whether none differs."""
    right = True
    for release in (release_of(Path(python)) for python in pythons):
        results = []
        for result in measure(release, only):
            results.append(result)
            print(release.version, line(result), flush=True)
        agree, wrong = sum(result.agrees for result in results), sum(result.is_wrong for result in results)
        row = f"| {release.version} | {len(results)} | {agree} | {len(results) - agree - wrong} | {wrong} |"
        told = [(one.name, one.hole or f"differs by {one.difference:.0e}") for one in results if not one.agrees]
        notes = [f"- {release.version}, {name}: {what}" for name, what in told]
        right = right and not wrong
        print(row, flush=True)
        if not only:
            models, single_operations, before = parts()
            PAGE.write_text(models + single_operations + section(EARLIER, before, [row], notes))
    return right


def main() -> int:
    """Run the benchmark."""
    only = os.environ.get("ONLY")
    if pythons := os.environ.get("PYTHONS"):
        right = only is not None or single(pythons.split())
        return 0 if earlier(pythons.split(), (only or "").replace(",", " ").split()) and right else 1
    chosen = [row for name, row in rows().items() if only is None or name in only.replace(",", " ").split()]
    make_references(chosen)
    results = []
    for row in chosen:
        if row.failure is not None:
            print(f"| {row.name} | not run by transformers: {row.failure.splitlines()[0][:120]} | | |", flush=True)
            continue
        results.append(compare(row))
        print(line(results[-1]), flush=True)
    agree = sum(result.agrees for result in results)
    wrong = [result.name for result in results if result.is_wrong]
    said = f"{agree} of {len(results)} agree, {len(results) - agree - len(wrong)} are holes, {len(wrong)} differ."
    print(said, *wrong)
    if only is None:
        below = "".join(parts()[1:]) if PAGE.is_file() else ""
        PAGE.write_text(HEAD + "\n".join(map(line, results)) + f"\n\n{said}\n" + below)
    right = only is not None or single([])
    return 1 if wrong or not right else 0


if __name__ == "__main__":
    sys.exit(main())
