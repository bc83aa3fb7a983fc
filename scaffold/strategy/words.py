"""Words of the config that nobody implements: an activation or a type of rotation that no code at hand has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.checkpoint.text import printable
from scaffold.common.errors import CheckFailed
from scaffold.roots.vllm_tree import MODELS
from scaffold.strategy.protocol import Question
from scaffold.vocabulary.lookup import at, spellings

LAYERS = "vllm/model_executor/layers"
TYPES = ("rope_type", "type")
SHOWN = 60


@dataclass(frozen=True)
class Vocabulary:
    """Words of one kind, and the files whose code takes them.

    Attributes:
        what: what such a word names.
        vllm: files of vLLM's tree.
        transformers: files of transformers.
    """

    what: str
    vllm: tuple[str, ...]
    transformers: tuple[str, ...]


ROTATIONS = Vocabulary(
    "a rotation",
    (f"{LAYERS}/rotary_embedding/__init__.py", "vllm/transformers_utils/config.py"),
    ("modeling_rope_utils.py",),
)
"""``get_rope``, and the older words that vLLM replaces before it."""
ACTIVATIONS = Vocabulary("an activation", (f"{LAYERS}/activation.py",), ("activations.py",))


def check_words(question: Question) -> None:
    """Check that somebody has what the config names: vLLM, transformers, the registered class or the source.

    A word is taken for known wherever one of their files has it as a string.

    Raises:
        CheckFailed: nobody has it, so that each way of serving the model ends in an error.
    """
    if question.tree is None or question.reading.transformers is None:
        return
    for where, word, kind in _words(question.reading.checkpoint.text_config):
        if not any(_has(text, word) for text in _texts(question, kind)):
            files = ", ".join((*kind.vllm[:1], *(f"transformers/{name}" for name in kind.transformers)))
            raise CheckFailed(
                f"{where} is {printable(word)[:SHOWN]!r}, and neither vLLM nor transformers has {kind.what} of that "
                "name",
                where=f"config.json, {where}; {files}",
                expected=f"the name of {kind.what} that the code of the model takes",
                remedy="correct config.json, or pass the source that has it with --modeling",
            )


def _words(text: Mapping[str, Any]) -> Iterator[tuple[str, str, Vocabulary]]:
    """Yield each word with its place and its kind."""
    for key in spellings("hidden_act"):
        if isinstance(at(text, key), str):
            yield key, at(text, key), ACTIVATIONS
    for key in spellings("rope_parameters"):
        rope = at(text, key)
        if not isinstance(rope, dict):
            continue
        inner = [(f"{key}.{name}", value) for name, value in rope.items() if isinstance(value, dict)]
        for place, one in ((key, rope), *inner):  # an object for each kind of layer, in some models
            word = next((name for name in TYPES if isinstance(one.get(name), str)), None)
            if word is not None:
                yield f"{place}.{word}", one[word], ROTATIONS


def _texts(question: Question, kind: Vocabulary) -> Iterator[str]:
    tree, reading = question.tree, question.reading
    assert tree is not None
    assert reading.transformers is not None
    yield from (_read(tree.root / name) for name in kind.vllm)
    yield from (_read(reading.transformers / name) for name in kind.transformers)
    if reading.source is not None:
        yield from (_read(path) for path in sorted(reading.source.file.path.parent.glob("*.py")))
    entry = question.registry.get(reading.checkpoint.architecture)
    if entry is not None:
        module = entry.module.replace(".", "/")
        yield _read(tree.root / f"{module}.py" if "/" in module else tree.root / MODELS / f"{module}.py")


def _has(text: str, word: str) -> bool:
    return f'"{word}"' in text or f"'{word}'" in text


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
