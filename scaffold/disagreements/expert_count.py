"""The number of experts: the config's, and that of the tensors."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import Subject, number, sizes
from scaffold.vocabulary.lookup import spellings

KIND = "experts"
STACKED = ("gate_up_proj", "down_proj", "gate_up_proj_blocks", "down_proj_blocks")
OTHERWISE = ("block_configs",)
_LISTED = re.compile(r"\.experts\.(\d{1,6})\.")


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield where there are more or fewer of them than the config says."""
    key = next((key for key in spellings("num_experts") if key in subject.text), None)
    stated = sizes(subject.completed, "num_experts")
    if key is None or not stated or any(subject.completed.get(name) is not None for name in OTHERWISE):
        return
    zero = {size + more for size in stated for more in sizes(subject.completed, "num_zero_experts")}
    where, found = _counted(subject)
    if not found or found <= stated | zero:
        return
    count = max(found)
    yield Disagreement(
        KIND,
        subject.said(key),
        Said(where, f"there are {number(count)} experts in {where}"),
        serves="vLLM makes the config's number of experts: others have no parameter, missing ones no weights",
        remedy="check whether config.json and the weights are of the same model, and whether all shards are there",
        decides=True,
        overrides=subject.override(key, count) if len(found) == 1 else {},
    )


def _counted(subject: Subject) -> tuple[str, set[int]]:
    """Return where experts are, and their numbers."""
    stacked = [p for p in subject.own if p.name.split(".")[-2:-1] == ["experts"] and len(p.shape) > 2]
    stacked = [p for p in stacked if p.name.split(".")[-1] in STACKED]
    if stacked:
        return stacked[0].name, {p.shape[0] for p in stacked}
    listed = next((p.name for p in subject.own if ".experts.*." in p.name), None)
    if listed is None:
        return "", set()
    numbers = set(_LISTED.findall("\n".join(subject.forms)))
    return listed, {max(map(int, numbers)) + 1} if numbers else set()
