"""The quantisation methods that a vLLM tree knows: it refuses a config with any other, whatever serves the model."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from scaffold_validators.syntax import below, nodes

FOLDER = Path("vllm/model_executor/layers/quantization")
METHODS = FOLDER / "__init__.py"
NAMES, DEPRECATED = "QuantizationMethods", "DEPRECATED_QUANTIZATION_METHODS"
OVERRIDES = "override_quantization_method"
"""By this method, a config class takes checkpoints whose config has another word, such as ``auto-round``."""
KEY = "quant_method"


def methods(root: Path) -> tuple[str, ...]:
    """Return the methods that a tree lists, in its order; none where its list is not found."""
    return _listed(_text(root / METHODS), NAMES)


def deprecated(root: Path) -> tuple[str, ...]:
    """Return those that it takes with ``--allow-deprecated-quantization`` alone."""
    return _listed(_text(root / METHODS), DEPRECATED)


def other_words(root: Path) -> frozenset[str]:
    """Return the words of configs that a class of another name takes."""
    found: set[str] = set()
    for path in sorted((root / FOLDER).rglob("*.py")):
        text = _text(path)
        if OVERRIDES in text:
            found.update(_compared(text))
    return frozenset(found)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


@lru_cache(maxsize=8)
def _listed(text: str, name: str) -> tuple[str, ...]:
    """Return the strings that are assigned to a name. By content, so that it cannot go stale."""
    found: list[str] = []
    for statement in ast.parse(text).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            found += [n.value for n in ast.walk(statement) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return tuple(found)


def _compared(text: str) -> Iterator[str]:
    """Yield the strings that ``quant_method`` is compared with, where a class looks at a config of another name."""
    for definition in nodes(text):
        if not isinstance(definition, ast.FunctionDef) or definition.name != OVERRIDES:
            continue
        for node in below(definition):
            if isinstance(node, ast.Compare) and KEY in ast.unparse(node):
                values = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant))
                yield from (value for value in values if isinstance(value, str) and value not in ("", KEY))
