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
    "vllm-retired-model": "codemods.vllm.retired_model",
    "vllm-plugin-model": "codemods.vllm.plugin_model",
    "vllm-config-type": "codemods.vllm.config_type",
    "vllm-config-class": "codemods.vllm.config_class",
    "vllm-model-config": "codemods.vllm.model_config",
    "vllm-arch-convertor": "codemods.vllm.arch_convertor",
    "vllm-reasoning-parser": "codemods.vllm.reasoning_parser",
    "vllm-tool-parser": "codemods.vllm.tool_parser",
    "vllm-supported-model": "codemods.vllm.supported_model",
    "ascend-model-registration": "codemods.vllm_ascend.model_registration",
    "ascend-models-package": "codemods.vllm_ascend.models_package",
    "ascend-model-hook": "codemods.vllm_ascend.model_hook",
    "ascend-entry-point": "codemods.vllm_ascend.entry_point",
    "ascend-config-registration": "codemods.vllm_ascend.config_registration",
    "ascend-worker-patch": "codemods.vllm_ascend.worker_patch",
    "ascend-patch-import": "codemods.vllm_ascend.patch_import",
    "ascend-patch-log": "codemods.vllm_ascend.patch_log",
    "toctree-entry": "codemods.docs.toctree_entry",
    "mkdocs-nav-entry": "codemods.docs.mkdocs_nav_entry",
    "nav-title": "codemods.docs.nav_title",
    "accuracy-list": "codemods.vllm_ascend.accuracy_list",
    "ascend-dataset-list": "codemods.vllm_ascend.dataset_list",
    "ascend-support-matrix": "codemods.vllm_ascend.support_matrix",
    "ascend-catalogue-entry": "codemods.vllm_ascend.catalogue_entry",
    "ascend-packed-modules": "codemods.vllm_ascend.packed_modules",
    "ascend-packed-module": "codemods.vllm_ascend.packed_module",
    "ascend-patch-import-removal": "codemods.vllm_ascend.patch_import_removal",
    "ascend-patch-log-removal": "codemods.vllm_ascend.patch_log_removal",
    "ascend-patch-file-removal": "codemods.vllm_ascend.patch_file_removal",
    "map-weights": "codemods.models.map_weights",
    "fp8-dequant-on-load": "codemods.models.fp8_dequant",
    "local-kv-norm": "codemods.models.local_kv_norm",
    "vendored-module": "codemods.models.vendored_module",
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
    places = [tree / name for name in places_of(codemod, complete)]
    for place in places:
        if codemod.creates or codemod.removes or (is_file(place) if is_file else place.is_file()):
            return place
    raise Refusal(
        "the tree has no file that this codemod edits",
        where=str(tree),
        expected=" or ".join(str(place.relative_to(tree)) for place in places),
        remedy=f"check that this is a {codemod.tree} source tree, of a version that has the file",
    )


def places_of(codemod: Codemod, complete: Mapping[str, str]) -> list[str]:
    """Return the places below a tree; ``{module_path}`` is the argument ``module`` with its dots as slashes."""
    paths = {f"{name}_path": value.replace(".", "/") for name, value in complete.items()}
    return [target.format_map({**paths, **complete}) for target in codemod.targets]


def _unknown(what: str, name: str, known: tuple[str, ...]) -> Refusal:
    return Refusal(
        f"no {what} is named {name!r}",
        where=f"name of a {what}",
        expected=", ".join(known),
        remedy="choose one of these",
    )
