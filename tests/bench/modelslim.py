"""Random descriptions, resolved by us and by vllm-ascend's own functions: ``make bench-modelslim``.

For each real shape, CASES descriptions and tables with random changes; every layer has to get the same scheme from
both, or fail in the same way.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scaffold.checkpoint.read import read_checkpoint
from scaffold.modelslim.check import Model, look
from scaffold.modelslim.description import Description, read_description
from scaffold.modelslim.layers import Handed, Layer
from scaffold.modelslim.upstream import Upstream, read_upstream, upstream_of
from scaffold.roots.vllm_tree import read_vllm_tree
from tests.lab.engine import engine
from tests.lab.trees import ascend_source
from tests.modelslim.made import Made, write_description
from tests.modelslim.published_shapes import PUBLISHED
from tests.modelslim.random_descriptions import description, tables
from tests.modelslim.real_shapes import REAL_SHAPES
from tests.modelslim.upstream import agrees, case, ours, resolve

Case = tuple[str, Description, Sequence[Layer | Handed], Upstream]


def compare(count: int, seed: int, only: str = "", ascend: Path | None = None) -> tuple[int, int, list[str]]:
    """Return how many layers were compared, how many of them failed alike, and where the two disagree.

    Args:
        count: descriptions of each shape.
        seed: of the random changes.
        only: part of the names of the shapes.
        ascend: another tree of vllm-ascend than that of the laboratory.
    """
    ascend = ascend or ascend_source()
    known: list[Case] = []
    asked: list[dict[str, Any]] = []
    for name, make in {**REAL_SHAPES, **PUBLISHED}.items():
        if only in name:
            for one, document in _cases(make(), name, count, random.Random(f"{seed} {name}"), ascend):
                known.append(one)
                asked.append(document)
    layers = failures = 0
    differ: list[str] = []
    for (name, said, events, upstream), theirs in zip(known, resolve(asked, ascend)):
        answers = ours(said, events, upstream)
        assert len(answers) == len(theirs["layers"])
        for answer, got in zip(answers, theirs["layers"]):
            layers += 1
            failures += "Error" in got["got"]
            if not agrees(answer, got, upstream):
                differ.append(f"{name}: {answer.prefix} {answer.entries} {answer.words}: {got}")
    return layers, failures, differ


def _cases(
    made: Made, name: str, count: int, rng: random.Random, ascend: Path
) -> list[tuple[Case, dict[str, Any]]]:  # fmt: skip
    tree, upstream = read_vllm_tree(engine().pristine), read_upstream(ascend)
    assert upstream is not None
    text = upstream.file.path.read_text()
    found: list[tuple[Case, dict[str, Any]]] = []
    with TemporaryDirectory() as folder:
        checkpoint = read_checkpoint(made.write(Path(folder)))
        entry = tree.registry[checkpoint.architecture]
        looked = look(checkpoint, Model(tree, entry, engine().transformers))
        drafts = looked.draft.events if looked.draft and not looked.draft.why else ()
        orders = [looked.events + drafts]  # the draft is made after the model, unless it reads its description anew
        if looked.draft and looked.draft.has_own:
            orders = [looked.events, looked.draft.as_itself()]
        write_description(Path(folder), made.description())
        said = read_description(Path(folder))
        assert said is not None
        for number in range(count * len(orders)):
            events = orders[number % len(orders)]
            words = description(said.words, rng)
            changed = tables(text, str(made.config["model_type"]), rng)
            one = replace(said, words=words)
            tables_of = upstream if changed is None else upstream_of(changed, upstream)
            found.append(((name, one, events, tables_of), case(one, events, changed)))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--ascend", type=Path, help="a tree of vllm-ascend")
    given = parser.parse_args()
    layers, failures, differ = compare(given.cases, given.seed, given.only, given.ascend)
    for line in differ[:20]:
        print(line)
    print(f"{layers:,} layers, of which {failures:,} fail in both in the same way; {len(differ)} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
