"""``make examples``: six generated adapters of different families, to read beside vLLM's own models."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from scaffold.adapter.context import module_name
from scaffold.plan import MODELS, Request, make_plan
from scaffold.roots.vllm_tree import read_vllm_tree
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


def digest_of(path: Path) -> str | None:
    """Return the digest of what lies at a path: the plan, which is not applied, may put its own in that place."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def main() -> int:
    """Write the adapters; 0 if all are there."""
    chosen = [rows()[name] for name in EXAMPLES]
    make_rows(chosen)
    FOLDER.mkdir(exist_ok=True)
    tree = engine().pristine
    for row in chosen:
        with timed(f"{row.name}: {EXAMPLES[row.name]}"):
            known = read_vllm_tree(tree).registry  # some of these have a model in vLLM: it does not count here
            path = MODELS / f"{module_name(row.model_type)}.py"
            request = Request(
                row.checkpoint,
                tree,
                None,
                strategy="native",
                transformers=engine().transformers,
                registered_by_us=tuple(known),
                generated=digest_of,
            )
            text = make_plan(request).changes.read(tree / path)
            assert text is not None
            (FOLDER / path.name).write_text(text, encoding="utf-8")
    print(f"{FOLDER}/: {', '.join(sorted(path.name for path in FOLDER.glob('*.py')))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
