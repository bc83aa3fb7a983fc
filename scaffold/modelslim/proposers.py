"""Which proposers of vllm-ascend put the draft's own config in the model's place, read from a tree.

Most make the draft within the config of vLLM that the model was made in: its layers are asked by the model's rows. A
proposer whose ``_create_draft_vllm_config`` sets ``model_config`` to the draft's asks by the draft's rows. Which one
drafts is what ``get_spec_decode_method`` of vllm_ascend/spec_decode/__init__.py returns.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from scaffold.source.python.syntax import UnreadableError, read_tree

FOLDER = Path("vllm_ascend", "spec_decode")
CHOOSES, MAKES, OWN = "get_spec_decode_method", "_create_draft_vllm_config", "draft_model_config"
USES = "use_"
"""How the methods of ``SpeculativeConfig`` begin by which a proposer is chosen, such as ``use_step3p5_mtp``."""


def conditions(ascend: Path) -> frozenset[str] | None:
    """Return the methods of ``SpeculativeConfig`` that choose such a proposer; None where nothing says who drafts."""
    try:
        trees = {path.stem: read_tree(path) for path in sorted((ascend / FOLDER).glob("*.py"))}
    except UnreadableError:
        return None
    package = trees.get("__init__")
    if package is None:
        return None
    chooses = [node for node in package.body if isinstance(node, ast.FunctionDef) and node.name == CHOOSES]
    if not chooses:
        return None
    own = {name for tree in trees.values() for name in _own(tree)}
    found: set[str] = set()
    for node in ast.walk(chooses[0]):
        if isinstance(node, ast.If) and any(_made(one) in own for one in node.body):
            found |= {one.func.attr for one in ast.walk(node.test)
                      if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)
                      and one.func.attr.startswith(USES)}  # fmt: skip
    return frozenset(found)


def named_in(speculative: ast.ClassDef, model_type: str) -> frozenset[str]:
    """Return the methods ``use_…`` of vLLM's ``SpeculativeConfig`` that name a model type."""
    methods = (one for one in speculative.body if isinstance(one, ast.FunctionDef) and one.name.startswith(USES))
    return frozenset(
        one.name for one in methods
        if any(isinstance(part, ast.Constant) and part.value == model_type for part in ast.walk(one))
    )  # fmt: skip


def _own(tree: ast.Module) -> Iterator[str]:
    """Yield the classes that put the draft's config in the model's place."""
    for node in tree.body:
        for part in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(node, ast.ClassDef) and isinstance(part, ast.FunctionDef) and part.name == MAKES:
                keywords = (one for one in ast.walk(part) if isinstance(one, ast.keyword) and one.arg == "model_config")
                if any(ast.unparse(one.value).endswith(OWN) for one in keywords):
                    yield node.name


def _made(statement: ast.stmt) -> str:
    """Return the class of which a statement returns a new object; empty if it does something else."""
    value = statement.value if isinstance(statement, ast.Return) else None
    return ast.unparse(value.func) if isinstance(value, ast.Call) else ""
