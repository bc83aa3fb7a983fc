"""Quantised weights that no conclusion is about: where a class could be read in part alone, the rest is not known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scaffold.checkpoint.patterns import pattern_of
from scaffold.checkpoint.quantization import UNQUANTISED
from scaffold.checkpoint.read import Checkpoint
from scaffold.modelslim.asked import Asked
from scaffold.modelslim.draft import draft_weights
from scaffold.modelslim.fills import LEAVES, Fills


def not_followed(checkpoint: Checkpoint, models: Sequence[tuple[Sequence[Asked], Fills]]) -> Iterator[str]:
    """Yield a note of quantised weights of which no layer that was resolved is known to take them.

    Args:
        checkpoint: its tensors.
        models: of the model and of its draft, the layers with what they are given, and what fills them. Weights of
            a draft of which no layer is known are noted elsewhere.
    """
    forms, taken = checkpoint.weights.forms, set[str]()
    for answers, filled in models:
        for one in answers:
            taken.update(filled.parts.get(one.layer.node, {}).values())
            for by_number in filled.experts.get(one.layer.node, {}).values():
                taken.update(by_number.values())
    left = [
        name for name, form in forms.items()
        if name.endswith(LEAVES) and len(form.shape) == 2 and form.dtype not in UNQUANTISED
        and name.rpartition(".")[0] not in taken
    ]  # fmt: skip
    drafts = set(draft_weights(checkpoint)) if left and not models[-1][0] else set()
    left = [name for name in left if name not in drafts]
    if left:
        count = f"({len(left)} quantised weights)"
        yield f"which layer takes {pattern_of(left[0])} is not known, nor what it asks for {count}"
