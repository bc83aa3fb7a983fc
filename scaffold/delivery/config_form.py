"""The form that a vllm-ascend tree's own end-to-end tests read test configs in: told by the tests, not by a version.

Up to 0.18 all keys stand at the top and the kind of model is called ``model``; since 0.23 what the server is told
stands below ``serve``, the kind is ``model_type``, and tests of speech and of reward models read configs of their own
(``tests/e2e/models/test_*_correctness.py``).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scaffold.delivery.layout import TEST_CONFIGS

TESTS = "test_*.py"
"""The tests, beside the folder of configs."""
SERVE = "serve"
"""The key below which newer configs have what the server is told."""
KIND, OLDER_KIND = "model_type", "model"
"""The key that says which kind of model it is."""
TEXT, VISION, SPEECH, REWARD = "vllm", "vllm-vlm", "vllm-asr", "vllm-rm"
"""The kinds that there are tests of; the first two are asked by ``lm_eval``."""
ALL_KINDS = (TEXT, VISION, SPEECH, REWARD)


@dataclass(frozen=True)
class ConfigForm:
    """How the configs of one tree are written.

    Attributes:
        nested: whether what the server is told stands below ``serve``.
        kind_key: ``model_type`` or ``model``.
        kinds: those that the tree has a test of.
        read: every key that a test reads, at the top or below.
    """

    nested: bool
    kind_key: str
    kinds: tuple[str, ...]
    read: frozenset[str] = frozenset()


NEWEST = ConfigForm(True, KIND, ALL_KINDS)
"""What is taken of a tree without such tests."""


def config_form(root: Path) -> ConfigForm:
    """Return the form of a tree's configs, as its tests read them.

    Args:
        root: of a vllm-ascend tree. Nothing of it is run.
    """
    folder = (root / TEST_CONFIGS).parent
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.glob(TESTS))]
    found = frozenset(word for text in texts for word in _words(text))
    if not found & {KIND, OLDER_KIND}:
        return NEWEST
    named = tuple(kind for kind in (SPEECH, REWARD) if kind in found)
    kind_key = KIND if KIND in found else OLDER_KIND
    return ConfigForm(SERVE in found, kind_key, (TEXT, VISION, *named), found)


def _words(text: str) -> Iterator[str]:
    """Yield the short strings of a module: keys that it reads, and kinds that it asks for."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 40:
            yield node.value
