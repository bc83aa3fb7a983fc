"""Entries of lists that follow from what was measured, made when a commit is asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codemods import ChangeSet, edit
from scaffold.delivery.accuracy import Accuracy
from scaffold.delivery.layout import ACCURACY_LIST
from scaffold.planning.listings import EXPERIMENTAL, MATRIX, UNTRIED


def with_measured_lists(
    changes: ChangeSet, delivery: Path, name: str, values: Mapping[str, Any], accuracy: Accuracy | None, on_npu: bool
) -> ChangeSet:
    """Add a model to the list of those whose accuracy is tested, and call it served where it was, on NPUs.

    Args:
        changes: of the delivery repo.
        delivery: its root.
        name: the model's.
        values: what its documents are filled from.
        accuracy: what an evaluation measured; without it the config has no figure that a test could compare.
        on_npu: whether it was served on NPUs.

    Raises:
        Refusal: a list refuses its entry.
    """
    has_figures = accuracy is not None and any(task.metrics for task in accuracy.tasks)
    if has_figures and values["config"]["tested"] and changes.has_file(delivery / ACCURACY_LIST):
        changes = edit(changes, "accuracy-list", delivery, config=f"{name}.yaml")
    matrix = changes.read(delivery / MATRIX) if on_npu and changes.has_file(delivery / MATRIX) else None
    if matrix is not None:
        own = re.compile(rf"(?m)^([ \t]*\|[ \t]*{re.escape(name)}[ \t]*\|[ \t]*){UNTRIED}([ |\t]*)$")
        text, count = own.subn(rf"\g<1>{EXPERIMENTAL}\g<2>", matrix)
        if count == 1:
            changes = changes.edit(delivery / MATRIX, lambda _: text)
    return changes
