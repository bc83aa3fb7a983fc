"""``make examples``: six generated adapters of different families, to read beside vLLM's own models."""

from __future__ import annotations

import sys
from pathlib import Path

from scaffold.planning.plan import make_plan
from scaffold.planning.request import Request
from tests.bench.coverage.rows import make_rows, rows
from tests.lab.cache import timed
from tests.lab.engine import engine

EXAMPLES = {
    "helium": "dense, interleaved rotation",
    "gemma2": "sandwich norms, soft caps, windows on some layers",
    "bloom": "ALiBi, one tensor for q, k and v, head by head",
    "solar_open": "experts behind a sigmoid router with correction and groups, shared experts",
    "deepseek_v3": "latent attention, a dense first layer",
    "granite_swa": "sinks, multipliers, a theta for each layer",
}
FOLDER = Path("examples")


def main() -> int:
    """Write the adapters; 0 if all are there."""
    chosen = [rows()[name] for name in EXAMPLES]
    make_rows(chosen)
    FOLDER.mkdir(exist_ok=True)
    tree = engine().pristine
    for row in chosen:
        with timed(f"{row.name}: {EXAMPLES[row.name]}"):
            request = Request(
                checkpoint=row.checkpoint,
                vllm=tree,
                delivery=None,
                placement="plugin",
                output=FOLDER / row.name,
                strategy="native",
                transformers=engine().transformers,
            )
            plan = make_plan(request)
            assert plan.adapter is not None
            (FOLDER / f"{plan.module}.py").write_text(plan.adapter, encoding="utf-8")
    print(f"{FOLDER}/: {', '.join(sorted(path.name for path in FOLDER.glob('*.py')))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
