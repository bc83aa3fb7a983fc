"""Layers for multi-token prediction: promised and there, promised and absent, there without a word, or unknown."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.checkpoint.prediction import State, found
from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import Subject

KIND = "multi-token prediction"


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield where config and tensors differ. It decides nothing of the model itself: drafts are left out without it."""
    layers = found(subject.text, subject.patterns, subject.forms)
    if layers.state not in (State.ABSENT, State.UNPROMISED, State.UNKNOWN):
        return
    key = layers.key or "num_nextn_predict_layers"
    if layers.state is State.ABSENT:
        says, remedy = "no tensor of such a layer is there", "serve without a speculative config of method mtp"
    elif layers.state is State.UNPROMISED:
        says = f"{layers.names[0]} and its kin are there"
        remedy = f"for drafts, state their number as {key}; without it they are left out"
    else:
        says = f"{layers.names[0]} and its kin are there, of names that no such layer is known by"
        remedy = "compare the names with vLLM's file for drafts of this model"
    yield Disagreement(KIND, subject.said(key), Said(", ".join(layers.names[:3]), says), remedy=remedy)
