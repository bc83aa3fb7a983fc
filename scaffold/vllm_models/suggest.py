"""A mapper entry that would mend refused names: offered where the whole checkpoint then fits, and not else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scaffold.checkpoint.headers import Form
from scaffold.checkpoint.patterns import pattern_of
from scaffold.vllm_models.reader import Reader
from scaffold.vllm_models.values import Node
from scaffold.vllm_models.walk import LeftOut, NotTaken, Tensor, Took, Unsure, Walk

TRIED = 4


def suggestion(
    reader: Reader, root: Node, refused: Sequence[NotTaken], empty: Sequence[str], forms: Mapping[str, Form]
) -> str:
    """Return the replacement of one beginning with which no name is refused any more; empty if there is none.

    Only whole modules move: a number stays what it is, as layers are in an order, and no two names become one.
    """
    for old, new in _beginnings(refused, empty)[:TRIED]:
        moved = [name for name in forms if name.startswith(old)]
        if any(new + name.removeprefix(old) in forms for name in moved):
            continue
        kinds = {(pattern_of(name), form.shape): (name, form) for name, form in forms.items()}
        walk = Walk(reader)
        renamed = (
            (new + name.removeprefix(old) if name.startswith(old) else name, form) for name, form in kinds.values()
        )
        if all(_fits(walk, root, name, form) for name, form in renamed):
            return f'"{old}" → "{new}" in orig_to_new_prefix of its WeightsMapper would place all {len(moved)} of them'
    return ""


def _beginnings(refused: Sequence[NotTaken], empty: Sequence[str]) -> list[tuple[str, str]]:
    """Return the replacements that would put one of the refused names on an empty parameter."""
    found: dict[tuple[str, str], None] = {}
    for item in refused:
        parts = item.name.split(".")
        for cut in range(len(parts)):
            rest = ".".join(parts[cut:])
            ends = [path for path in empty if path == rest or path.endswith(f".{rest}")]
            old, new = ".".join([*parts[:cut], ""]), ends[0].removesuffix(rest) if len(ends) == 1 else ""
            if len(ends) == 1 and not any(part.isdigit() for part in f"{old}{new}".split(".")):
                found[old, new] = None
                break
        if len(found) == TRIED:
            break
    return list(found)


def _fits(walk: Walk, root: Node, name: str, form: Form) -> bool:
    outcome = walk.load(root, "", name, Tensor(form))
    return isinstance(outcome, Took | Unsure) or (isinstance(outcome, LeftOut) and not outcome.dropped)
