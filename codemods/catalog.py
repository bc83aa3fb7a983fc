"""All codemods, by name, and where each finds its file in a source tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods import (
    accuracy_list,
    ascend_model_registration,
    ascend_patch_import,
    ascend_patch_log,
    ascend_worker_patch,
    mkdocs_nav_entry,
    nav_title,
    toctree_entry,
    vllm_registry_entry,
)
from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from codemods.codemod import Codemod

CODEMODS: tuple[Codemod, ...] = (
    vllm_registry_entry.CODEMOD,
    ascend_model_registration.CODEMOD,
    ascend_worker_patch.CODEMOD,
    ascend_patch_import.CODEMOD,
    ascend_patch_log.CODEMOD,
    toctree_entry.CODEMOD,
    mkdocs_nav_entry.CODEMOD,
    nav_title.CODEMOD,
    accuracy_list.CODEMOD,
)


def find_codemod(name: str) -> Codemod:
    """Return the codemod of this name. Raises `Refusal` if there is none."""
    by_name = {codemod.name: codemod for codemod in CODEMODS}
    if name in by_name:
        return by_name[name]
    raise Refusal(
        f"no codemod is named {name!r}",
        where="name of a codemod",
        expected=", ".join(by_name),
        remedy="choose one of these",
    )


def target_file(codemod: Codemod, tree: Path, arguments: Mapping[str, str]) -> Path:
    """Return the file in ``tree`` that the codemod edits: the first of its places that exists.

    For a codemod that creates its file that is its place, whether it exists or not. Raises
    `Refusal` if arguments are missing or the tree has the file in none of these places.
    """
    complete = codemod.complete(arguments)
    places = [tree / target.format_map(complete) for target in codemod.targets]
    for place in places:
        if codemod.creates or place.is_file():
            return place
    raise Refusal(
        "the tree has no file that this codemod edits",
        where=str(tree),
        expected=" or ".join(str(place.relative_to(tree)) for place in places),
        remedy=f"check that this is a {codemod.tree} source tree of a version that has it",
    )
