"""The lists of vllm-ascend that a new model stands in: index or navigation, titles, support matrix, data, catalogue.

Each is edited where the tree has it. What a list refuses stays as it is, and the plan says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from codemods import ChangeSet, Refusal, edit
from scaffold.capacity.nodes import A2
from scaffold.delivery.config_form import REWARD, SPEECH, VISION
from scaffold.delivery.layout import Layout
from scaffold.delivery.tutorial.chinese import CATALOGUES, catalogue_of, messages
from scaffold.delivery.tutorial.outline import Section

MATRIX = Path("docs/source/user_guide/support_matrix/supported_models.md")
DATASETS = (
    Path(".github/workflows/misc/model_dataset_list.json"),
    Path(".github/workflows/misc/model_list.json"),
)
UNTRIED, EXPERIMENTAL = "🟡", "🔵"
"""What the matrix calls a model that was not tested, and one that is served experimentally (its legend)."""

CATALOGUE_ENTRY = "ascend-catalogue-entry"
"""The codemod that adds a translation to the catalogue of a page."""


@dataclass(frozen=True)
class Listed:
    """A model as lists have it.

    Attributes:
        name: the model's, and its tutorial's.
        model_id: what it is published as, ``org/name``; empty where that is not known.
        kind: of its test config.
        ranks: how many NPUs it is planned for.
        on_npu: whether it was served on NPUs.
    """

    name: str
    model_id: str
    kind: str
    ranks: int
    on_npu: bool = False


def list_model(
    changes: ChangeSet, root: Path, layout: Layout, sections: tuple[Section, ...], model: Listed, page: str = ""
) -> tuple[ChangeSet, tuple[str, ...]]:
    """Add a model's entries, and return what is left to say.

    Args:
        changes: of the tree.
        root: of the tree.
        layout: of its documentation.
        sections: of the tutorial.
        model: what is listed.
        page: the tutorial's text.

    Raises:
        Refusal: the index or the navigation refuses its entry.
    """
    changes, notes = edit(changes, "list-tutorial", root, tutorial=model.name), list[str]()
    for name, choices in _entries(root, model):
        changes, note = _first(changes, root, name, choices)
        notes += [note] if note else []
    of_page = catalogue_of(root, layout.tutorials, model.name)
    if of_page is not None:
        for english, chinese in messages(root, layout.tutorials, sections, model.name, page):
            words = {"catalogue": of_page.as_posix(), "english": english, "chinese": chinese}
            changes, note = _first(changes, root, CATALOGUE_ENTRY, (words,))
            notes += [note] if note else []
    return changes, tuple(notes)


def catalogue(
    root: Path, layout: Layout, sections: tuple[Section, ...], name: str, page: str
) -> tuple[Path, str] | None:
    """Return a tutorial's catalogue below a tree, with the entries of this text of it and no others; None without one.

    Args:
        root: of the tree.
        layout: of its documentation.
        sections: of the tutorial.
        name: the model's.
        page: the tutorial's text.
    """
    of_page = catalogue_of(root, layout.tutorials, name)
    if of_page is None:
        return None
    path = CATALOGUES / of_page
    made = ChangeSet(roots=(root,)).remove(root / path)
    for english, chinese in messages(root, layout.tutorials, sections, name, page):
        words = {"catalogue": of_page.as_posix(), "english": english, "chinese": chinese}
        made, _ = _first(made, root, CATALOGUE_ENTRY, (words,))
    text = made.read(root / path)
    return None if text is None else (path, text)


def _entries(root: Path, model: Listed) -> Iterator[tuple[str, tuple[Mapping[str, str], ...]]]:
    """Yield codemod and arguments, the first of which that the list takes is its entry."""
    if (root / MATRIX).is_file():
        yield "ascend-support-matrix", tuple(_rows(root, model))
    if model.model_id and any((root / path).is_file() for path in DATASETS):
        device = "a2" if model.ranks <= A2.npus else "a3"
        yield "ascend-dataset-list", ({"name": model.model_id}, {"name": model.model_id, "device": device})


def _rows(root: Path, model: Listed) -> Iterator[dict[str, str]]:
    """Yield the model's row for each table that may be the one of models that are not yet at the core."""
    legend = (root / MATRIX).read_text(encoding="utf-8", errors="replace")
    sign = EXPERIMENTAL if model.on_npu or UNTRIED not in legend else UNTRIED
    group = "Multimodal" if model.kind in (VISION, SPEECH) else "Text-Only"
    row = {"model": model.name, "cells": f"Support={sign}"}
    if model.kind == REWARD:
        tables = [("Pooling", "A2/A3"), ("Pooling", "")]
    else:
        tables = [("Generative > Extended", ""), ("Generative", "")]
    for table, tab in tables:
        yield {**row, "table": f"{group} > {table}", "tab": tab}


def _first(changes: ChangeSet, root: Path, name: str, choices: tuple[Mapping[str, str], ...]) -> tuple[ChangeSet, str]:
    """Make the first edit that is taken; else say why the last was not."""
    refused = ""
    for arguments in choices:
        try:
            return edit(changes, name, root, **arguments), ""
        except Refusal as error:
            refused = refused if "listed already" in refused else str(error)
    return changes, f"{name} left its list as it is: {refused}"
