"""The rows that the tables lack for a model and its draft.

A draft is asked by the model's rows unless its proposer puts its own config in the model's place
(`scaffold.modelslim.proposers`). A row takes the place of all else that is known of its model type, so what the model
and its draft need stands in one row. If one cannot say both, the row is the model's alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scaffold.modelslim.asked import Asked
from scaffold.modelslim.draft_check import DraftCheck
from scaffold.modelslim.fills import Fills
from scaffold.modelslim.rows import NewRow, Wanted, new_rows, wanted
from scaffold.modelslim.upstream import Upstream

Group = tuple[Wanted, Sequence[Asked], Fills]
"""Layers that are asked by the same rows, with what packed modules they have, and the modules that they are."""


@dataclass(frozen=True)
class Lacking:
    """What the tables lack.

    Attributes:
        groups: of layers.
        rows: that are to be written.
        of_draft: why what the draft needs cannot be written beside what the model needs.
    """

    groups: tuple[Group, ...]
    rows: tuple[NewRow, ...]
    of_draft: tuple[str, ...] = ()


def lacking(
    answers: Sequence[Asked], filled: Fills, drafted: DraftCheck, upstream: Upstream, model_types: Sequence[str]
) -> Lacking:
    """Return the rows that the tables lack.

    Args:
        answers: what the model's layers are given with the tree's own rows.
        filled: which modules of the checkpoint they are.
        drafted: what the draft's layers are given, and which modules they are; without answers where that is not known.
        upstream: the tree's tables.
        model_types: of the outer and the text config.
    """
    alone = wanted(answers, filled, upstream.dialect)
    model: Group = (alone, answers, filled)
    if {one.layer.asked_as for one in answers}.isdisjoint(one.layer.asked_as for one in drafted.answers):
        of_draft = wanted(drafted.answers, drafted.filled, upstream.dialect)
        rows = (*new_rows(alone, answers, upstream, model_types), *new_rows(of_draft, drafted.answers, upstream, ()))
        return Lacking((model, (of_draft, drafted.answers, drafted.filled)), rows)
    every = (*answers, *drafted.answers)
    filled = Fills({**filled.parts, **drafted.filled.parts}, {**filled.experts, **drafted.filled.experts})
    both = wanted(every, filled, upstream.dialect)
    if set(both.conflicts) - set(alone.conflicts):
        told = [*answers, *(one for one in drafted.answers if not one.missing)]  # what is missing is said as that
        new = tuple(why for why in wanted(told, filled, upstream.dialect).conflicts if why not in alone.conflicts)
        return Lacking((model,), tuple(new_rows(alone, answers, upstream, model_types)), new)
    return Lacking(((both, every, filled),), tuple(new_rows(both, every, upstream, model_types)))
