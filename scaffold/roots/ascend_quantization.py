"""The quantisation methods that a vllm-ascend tree has for NPUs: vLLM refuses to serve any other there."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

PLATFORM = Path("vllm_ascend/platform.py")
NAMED_IN = (PLATFORM, Path("vllm_ascend/utils.py"))
"""Where the words lie that the list has by name."""
NAME = "supported_quantization"
"""An attribute of the platform's class, which ``Platform.verify_quantization`` (vllm/platforms/interface.py) asks."""


def npu_methods(root: Path) -> tuple[str, ...]:
    """Return the methods that a tree lists, in its order; none where the list, or a word of it, is not found."""
    return _listed(*(_text(root / path) for path in NAMED_IN))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


@lru_cache(maxsize=8)
def _listed(platform: str, utilities: str) -> tuple[str, ...]:
    """Return the words of the list. By content, so that it cannot go stale."""
    tree = ast.parse(platform)
    words = {name: value for text in (tree, ast.parse(utilities)) for name, value in _words(text).items()}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.List):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id == NAME for target in targets):
            found = [words.get(e.id) if isinstance(e, ast.Name) else getattr(e, "value", None) for e in node.value.elts]
            known = tuple(word for word in found if isinstance(word, str))
            return known if len(known) == len(found) else ()
    return ()


def _words(tree: ast.Module) -> dict[str, str]:
    """Return the strings that a module gives names to."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
