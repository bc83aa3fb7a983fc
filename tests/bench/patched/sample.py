"""Targets of a vLLM tree, drawn at random, and the patch of each as the codemod writes it."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from codemods import Refusal, find_codemod
from codemods.uses.hidden import is_hidden
from codemods.uses.package import Package, SourceFile, read_package
from codemods.uses.replaced import holders

SHARES = {"function": 6, "method": 3, "class": 1}
"""How many of ten that are drawn are of each kind."""
HEADER = "# Licence.\n"


@dataclass(frozen=True)
class Target:
    """What is replaced: a module, and ``f``, ``Class`` or ``Class.f`` in it."""

    kind: str
    module: str
    path: str


@dataclass(frozen=True)
class Patch:
    """A target and its patch's text, or why it was refused; the modules that hold it by name."""

    target: Target
    text: str
    refused: str
    holders: tuple[tuple[str, str], ...]


def targets(files: Iterable[SourceFile]) -> list[Target]:
    """Return all functions and classes of modules, and the methods of these classes."""
    found = []
    for file in files:
        for node in file.tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.append(Target("function", file.module, node.name))
            elif isinstance(node, ast.ClassDef):
                found.append(Target("class", file.module, node.name))
                names = {part.name for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)}
                found += [Target("method", file.module, f"{node.name}.{name}") for name in sorted(names)]
    return found


def drawn(package: Package, seed: int, share: float = 1) -> Iterator[Target]:
    """Draw targets in the shares of their kinds, without end but that of the tree, or of a share of its modules."""
    source = random.Random(seed)
    files = source.sample(list(package.files.values()), int(share * len(package.files)))
    known = targets(files)
    pools = {kind: [t for t in known if t.kind == kind] for kind in SHARES}
    for pool in pools.values():
        source.shuffle(pool)
    while all(len(pools[kind]) >= share for kind, share in SHARES.items()):
        for kind, share in SHARES.items():
            for _ in range(share):
                yield pools[kind].pop()


def patch(package: Package, target: Target) -> Patch:
    """Return the patch that the codemod writes for a target."""
    name = f"{target.module}.{target.path}"
    try:
        found = holders(package, target.module, target.path)
        text = find_codemod("ascend-worker-patch").run(
            "",
            {
                "module": "patch_sampled",
                "target": name,
                "source": package.files[target.module].content.decode(),
                "header_source": HEADER,
                "importers": "".join(f"{holder.module} {holder.name}\n" for holder in found),
                "hidden": "yes" if is_hidden(package, target.module) else "",
            },
        )
    except Refusal as refusal:
        return Patch(target, "", refusal.found, ())
    return Patch(target, text, "", tuple((holder.module, holder.name) for holder in found))


def read(tree: Path) -> Package:
    """Read a tree's vLLM."""
    return read_package(tree, "vllm")
