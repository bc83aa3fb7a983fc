"""``make bench-source``: what the interpreter computes, against what PyTorch computes, for every decoder.

``ONLY="llama mixtral"`` runs a few. It ends with 1 if the interpreter computes anything else than PyTorch does.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.bench.source.compare import Comparison, compare
from tests.bench.source.rows import make_references, rows

PAGE = Path("docs/interpreter.md")
HEAD = """# The interpreter against PyTorch

Written by `make bench-source`: each architecture's source runs in the interpreter and in PyTorch with the same random
weights and tokens, both in float64. The difference is that of the logits, over the largest of them.

| model | difference | operations | seconds |
| --- | --- | --- | --- |
"""


def line(result: Comparison) -> str:
    """Return a row of the table."""
    if result.difference is None:
        return f"| {result.name} | hole: {result.hole} | | |"
    verdict = f"{result.difference:.0e}" + ("" if result.agrees else " **differs**")
    return f"| {result.name} | {verdict} | {result.operations:,} | {result.seconds:.2f} |"


def main() -> int:
    """Run the benchmark."""
    only = os.environ.get("ONLY")
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
        PAGE.write_text(HEAD + "\n".join(map(line, results)) + f"\n\n{said}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
