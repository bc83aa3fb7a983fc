"""Sparse attention: the config describes an indexer, and no layer has one."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import LAYER, Subject

KIND = "indexer"
KEYS = ("index_topk", "index_n_heads", "index_head_dim")
"""What such configs state together (vLLM: models/deepseek_v2.py, ``Indexer``)."""
BEGINNING = "index"
"""Of a module's name in its tensors."""


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield that the config has all of its sizes, and no tensor is one of it."""
    stated = all(type(subject.text.get(key)) is int and subject.text[key] > 0 for key in KEYS)
    layers = next((p.name for p in subject.own if LAYER.match(p.name)), None)
    if not stated or layers is None:
        return
    if any(part.startswith(BEGINNING) for p in subject.patterns for part in p.name.split(".")):
        return
    where = f"{subject.text_key}." if subject.text_key else ""
    yield Disagreement(
        KIND,
        Said(f"config.json, {where}{KEYS[0]}", f"the config has {', '.join(KEYS)}"),
        Said(layers.partition(".*.")[0], "no layer has a tensor of an indexer"),
        serves="vLLM makes an indexer, nothing fills it, and attention sees tokens that were chosen at random",
        remedy="complete the checkpoint, or take the config of a model without sparse attention",
        decides=True,
    )
