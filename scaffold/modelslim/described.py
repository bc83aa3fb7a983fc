"""The description against the tensors alone, whatever serves them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from scaffold.checkpoint.patterns import pattern_of
from scaffold.checkpoint.quantization import UNQUANTISED
from scaffold.checkpoint.read import Checkpoint
from scaffold.modelslim.description import FLOAT, Description
from scaffold.modelslim.fills import LEAVES
from scaffold.weights.findings import Finding

NO_WORD = "no word"
"""Kind of the finding that an entry's value is no text; other findings about such an entry would say less."""
_SHOWN = 60
"""How many characters of such a value are shown."""


def file_findings(said: Description) -> Iterator[Finding]:
    """Yield what only files say that vllm-ascend does not read, and where they contradict each other."""
    mends = "join the descriptions of the shards into one file of that name"
    if not said.is_read:
        there = f"there are {len(said.files)} others" if len(said.files) > 1 else f"there is {said.files[0]}"
        yield Finding("file", f"vllm-ascend reads quant_model_description.json alone, and {there}", mends, said.files)
    by_kind: dict[tuple[str, str, str], list[str]] = {}
    for other in said.others:
        by_kind.setdefault((other.file, other.word, other.instead), []).append(other.name)
    for (file, word, instead), names in by_kind.items():
        first = said.files[0] if said.is_read else "another"
        says = f"{file} says {word}, and {first} says {instead or 'nothing'}"
        yield Finding("file", says, "find out which one is of these weights; " + mends, tuple(names))


def _no_words(said: Description) -> Iterator[Finding]:
    """Yield entries of tensors that say something else than a word."""
    by_value: dict[tuple[str, str], list[str]] = {}
    for name, value in said.no_words.items():
        by_value.setdefault((json.dumps(value)[:_SHOWN], pattern_of(name)), []).append(name)
    for (value, _), names in by_value.items():
        yield Finding(NO_WORD, f"it is described as {value}, which is no word: vllm-ascend compares it with texts",
                      "write the word as a text, such as \"W8A8_DYNAMIC\" or \"FLOAT\"", tuple(names))  # fmt: skip


def entry_findings(said: Description, checkpoint: Checkpoint) -> Iterator[Finding]:
    """Yield quantised weights that no entry names, and weights that are not of the kind that their entry says."""
    forms = checkpoint.weights.forms
    yield from _no_words(said)
    undescribed: dict[str, list[str]] = {}
    otherwise: dict[str, list[str]] = {}
    for name, form in forms.items():
        if not name.endswith(LEAVES) or len(form.shape) != 2:
            continue
        if name in said.no_words:
            continue
        word = said.words.get(name)
        is_plain = form.dtype in UNQUANTISED
        if word is None and not is_plain and said.is_read:
            undescribed.setdefault(pattern_of(name), []).append(name)
        elif word is not None and is_plain != (word == FLOAT):
            otherwise.setdefault(f"{word}, and its weight is {form.dtype}", []).append(name)
    for names in undescribed.values():
        yield Finding("not described", f"its weight is {forms[names[0]].dtype}, and no entry says what it stands for",
                      "take the description that the weights were written with", tuple(names))  # fmt: skip
    for says, names in otherwise.items():
        yield Finding("described otherwise", f"it is described as {says}",
                      "take the weights that the description is of", tuple(names))  # fmt: skip
    absent = [name for name in said.words if name.endswith(LEAVES) and name not in forms]
    by_layer: dict[str, list[str]] = {}
    for name in absent:
        by_layer.setdefault(pattern_of(name), []).append(name)
    for names in by_layer.values():
        yield Finding("no tensor", "it is described, and there is no such tensor",
                      "take all files of the checkpoint, or correct the entry's name", tuple(names))  # fmt: skip
