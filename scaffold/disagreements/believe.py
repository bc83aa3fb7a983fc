"""Which side of a disagreement counts: what the user says, and what the files show where the config is silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scaffold.checkpoint.read import Checkpoint
from scaffold.common.errors import CheckFailed
from scaffold.disagreements.finding import CONFIG, TENSORS, Disagreement, joined, shown, whole


def deciding(found: Sequence[Disagreement]) -> list[Disagreement]:
    """Return those that decide what is served, and that the config speaks of."""
    return [one for one in found if one.decides and not one.silent]


def unanswered(found: Sequence[Disagreement], believe: str | None) -> list[Disagreement]:
    """Return those that decide what is served, and that what the user believes does not answer."""
    return [one for one in deciding(found) if believe not in one.answers]


def check(found: Sequence[Disagreement], believe: str | None) -> None:
    """Check that the user has said which side is right, wherever that decides what is served.

    Raises:
        CheckFailed: they have not, or what they believe cannot be served.
    """
    for one in unanswered(found, believe):
        raise CheckFailed(
            f"{one.between} ({one.kind}): {one}",
            where="; ".join(dict.fromkeys(said.where for said in (one.config, one.tensors))),
            expected="one answer of both: no strategy holds without it" if one.answers else "files of one model",
            remedy=_remedy(one, believe),
        )


def _remedy(one: Disagreement, believe: str | None) -> str:
    ways = {
        CONFIG: f"--believe {CONFIG} leaves out what it does not have",
        TENSORS: f"--believe {TENSORS} counts on {shown(whole(one.overrides, one.written))}",
    }
    answers = [ways[side] for side in one.answers]
    refused = f"--believe {believe} gives nothing that can be served here" if believe is not None else ""
    return "; ".join(text for text in (one.remedy, *answers, refused) if text)


@dataclass(frozen=True)
class Believed:
    """What counts.

    Attributes:
        checkpoint: with the config that counts; the very same one where that is its own.
        overrides: what the server has to be told, as vLLM reads ``config.json`` as it is.
        notes: what there is to say of it.
    """

    checkpoint: Checkpoint
    overrides: Mapping[str, Any]
    notes: tuple[str, ...]


def believed(checkpoint: Checkpoint, found: Sequence[Disagreement], believe: str | None) -> Believed:
    """Return what counts.

    Where the config is silent, the tensors count; where it speaks, they do if the user believes them.
    """
    chosen = [one for one in found if one.overrides and (one.silent or (one.decides and believe == TENSORS))]
    notes = [f"{one.kind}: {one}" for one in chosen if one.silent]
    kept = [one for one in deciding(found) if believe == CONFIG]
    notes += [f"{one.kind}: the config is believed: {one}" for one in kept]
    if not chosen:
        return Believed(checkpoint, {}, tuple(notes))
    overrides = whole(joined([one.overrides for one in chosen]), checkpoint.config)
    keys = ", ".join(one.config.where for one in chosen)
    notes.append(f"the tensors are believed ({keys}): correct config.json, or pass {shown(overrides)} to vllm serve")
    return Believed(overridden(checkpoint, overrides), overrides, tuple(notes))


def overridden(checkpoint: Checkpoint, overrides: Mapping[str, Any]) -> Checkpoint:
    """Return a checkpoint with what the server is told of its config; the very same one where that is nothing."""
    if not overrides:
        return checkpoint
    config = joined([checkpoint.config, overrides])
    text = config[checkpoint.text_key] if checkpoint.text_key else config
    return replace(checkpoint, config=config, text_config=text)
