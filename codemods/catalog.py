"""All codemods and recipes, by name, and where a codemod finds its file in a source tree.

A codemod's file, and libcst with it, is imported when the codemod is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, overload

from codemods.recipes import RECIPES
from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from codemods.codemod import Codemod
    from codemods.recipe import Recipe

FILES = {
    "vllm-registry-entry": "codemods.vllm.registry_entry",
    "vllm-test-registry-entry": "codemods.vllm.tests_registry_entry",
    "vllm-config-type": "codemods.vllm.config_type",
    "vllm-config-class": "codemods.vllm.config_class",
    "ascend-model-registration": "codemods.vllm_ascend.model_registration",
    "ascend-config-registration": "codemods.vllm_ascend.config_registration",
    "ascend-worker-patch": "codemods.vllm_ascend.worker_patch",
    "ascend-patch-import": "codemods.vllm_ascend.patch_import",
    "ascend-patch-log": "codemods.vllm_ascend.patch_log",
    "toctree-entry": "codemods.docs.toctree_entry",
    "mkdocs-nav-entry": "codemods.docs.mkdocs_nav_entry",
    "nav-title": "codemods.docs.nav_title",
    "accuracy-list": "codemods.vllm_ascend.accuracy_list",
    "add-modelslim-rows": "codemods.vllm_ascend.modelslim_rows",
}
"""Name of a codemod → the module whose ``CODEMOD`` it is."""


class _Codemods(Sequence["Codemod"]):
    """All codemods in the order of `FILES`, each imported when it is reached."""

    def __len__(self) -> int:
        return len(FILES)

    @overload
    def __getitem__(self, index: int) -> Codemod: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Codemod, ...]: ...
    def __getitem__(self, index: int | slice) -> Codemod | tuple[Codemod, ...]:
        names = list(FILES)[index]
        return find_codemod(names) if isinstance(names, str) else tuple(map(find_codemod, names))


CODEMODS = _Codemods()


def find(name: str) -> Codemod | Recipe:
    """Return the codemod or the recipe of this name. Raises `Refusal` if there is none."""
    if name in FILES:
        return find_codemod(name)
    for recipe in RECIPES:
        if recipe.name == name:
            return recipe
    raise _unknown("codemod or recipe", name, (*FILES, *(recipe.name for recipe in RECIPES)))


def find_codemod(name: str) -> Codemod:
    """Return the codemod of this name. Raises `Refusal` if there is none."""
    if name not in FILES:
        raise _unknown("codemod", name, tuple(FILES))
    codemod: Codemod = import_module(FILES[name]).CODEMOD
    return codemod


def target_file(
    codemod: Codemod,
    tree: Path,
    arguments: Mapping[str, str],
    is_file: Callable[[Path], bool] | None = None,
) -> Path:
    """Return the file in ``tree`` that the codemod edits: the first of its places that exists.

    For a codemod that creates its file that is its place, whether it exists or not. ``is_file``
    says what exists; None is what is on disk. Raises `Refusal` if arguments are missing or the
    tree has the file in none of these places.
    """
    complete = codemod.complete(arguments)
    places = [tree / target.format_map(complete) for target in codemod.targets]
    for place in places:
        if codemod.creates or (is_file(place) if is_file else place.is_file()):
            return place
    raise Refusal(
        "the tree has no file that this codemod edits",
        where=str(tree),
        expected=" or ".join(str(place.relative_to(tree)) for place in places),
        remedy=f"check that this is a {codemod.tree} source tree of a version that has it",
    )


def _unknown(what: str, name: str, known: tuple[str, ...]) -> Refusal:
    return Refusal(
        f"no {what} is named {name!r}",
        where=f"name of a {what}",
        expected=", ".join(known),
        remedy="choose one of these",
    )
