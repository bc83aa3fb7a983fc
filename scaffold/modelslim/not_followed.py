"""Quantised weights that no conclusion is about: where a class could be read in part alone, the rest is not known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scaffold.checkpoint.patterns import pattern_of
from scaffold.checkpoint.quantization import UNQUANTISED
from scaffold.checkpoint.read import Checkpoint
from scaffold.modelslim.asked import Asked
from scaffold.modelslim.draft import draft_weights
from scaffold.modelslim.fills import LEAVES, Fills


def not_followed(checkpoint: Checkpoint, answers: Sequence[Asked], filled: Fills) -> Iterator[str]:
    """Yield a note of quantised weights of which no layer that was resolved is known to take them."""
    forms, taken = checkpoint.weights.forms, set[str]()
    for one in answers:
        taken.update(filled.parts.get(one.layer.node, {}).values())
        for by_number in filled.experts.get(one.layer.node, {}).values():
            taken.update(by_number.values())
    left = [
        name for name, form in forms.items()
        if name.endswith(LEAVES) and len(form.shape) == 2 and form.dtype not in UNQUANTISED
        and name.rpartition(".")[0] not in taken
    ]  # fmt: skip
    drafts = set(draft_weights(checkpoint)) if left else set()
    left = [name for name in left if name not in drafts]
    if left:
        count = f"({len(left)} quantised weights)"
        yield f"which layer takes {pattern_of(left[0])} is not known, nor what it asks for {count}"
