"""Where an adapter goes: into vLLM's tree, into vllm-ascend's ``models/``, or into a plugin package of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codemods import ChangeSet, edit
from scaffold.common.errors import UsageError
from scaffold.rendering.template import PLUGIN, render
from scaffold.roots.vllm_tree import MODELS

if TYPE_CHECKING:
    import libcst as cst

MODELS_PACKAGE = ".".join(MODELS.parts)
ASCEND_MODELS = Path("vllm_ascend/models")
Create = Callable[[ChangeSet, Path, str], ChangeSet]
"""Adds a generated file to a change set; see `ChangeSet.create`."""


@dataclass(frozen=True)
class Registration:
    """One architecture and the implementation that serves it: a generated module, or one of vLLM's own."""

    architecture: str
    module: str
    class_name: str
    table: str
    """The dict of vLLM's registry that it belongs to."""


def register_in_vllm(changes: ChangeSet, tree: Path, registration: Registration) -> ChangeSet:
    """Add the line to the tree's ``registry.py``."""
    return edit(
        changes,
        "vllm-registry-entry",
        tree,
        architecture=registration.architecture,
        module=registration.module,
        class_name=registration.class_name,
        registry=registration.table,
    )


def register_in_ascend(changes: ChangeSet, tree: Path, registration: Registration, package: str) -> ChangeSet:
    """Add the call to ``register_model`` of ``vllm_ascend/models``; ``package`` holds the module.

    Raises:
        Refusal: this vllm-ascend has no models of its own (0.13 and 0.18 have none).
    """
    return edit(
        changes,
        "ascend-model-registration",
        tree,
        architecture=registration.architecture,
        module=dotted(registration.module, package),
        class_name=registration.class_name,
    )


def plugin_package(module: str) -> str:
    """Return the import package of a plugin.

    Raises:
        UsageError: the model type gives no name that a distribution may have.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", module):
        raise UsageError(
            f"the module name {module!r}",
            where="model_type in config.json",
            expected="a name of ASCII letters, digits and underscores, as distributions need one",
            remedy="choose another --placement",
        )
    return f"vllm_{module}"


def write_plugin(
    changes: ChangeSet,
    output: Path,
    name: str,
    registration: Registration,
    package: str,
    licence_header: str,
    create: Create,
) -> ChangeSet:
    """Add the files of an installable package around an adapter.

    Its entry point in the group ``vllm.general_plugins`` registers the architecture in every vLLM process
    (vLLM: docs/design/plugin_system.md).
    """
    context: Mapping[str, str] = {
        "distribution": package.replace("_", "-"),
        "package": package,
        "model_name": name,
        "architecture": registration.architecture,
        "target": f"{registration.module}:{registration.class_name}",
        "licence_header": licence_header,
    }
    for path, text in render(context, PLUGIN).items():
        changes = create(changes, output / path, text.strip() + "\n")
    return changes


def dotted(module: str, package: str) -> str:
    """Return a module's full name: registries name the modules of their own package by the last part alone."""
    return module if "." in module else f"{package}.{module}"


def absolute_imports(text: str, package: str = MODELS_PACKAGE) -> str:
    """Turn the relative imports of a module of ``package`` into absolute ones, for a life outside of it."""
    import libcst as cst

    class Absolute(cst.CSTTransformer):
        def leave_ImportFrom(self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom) -> cst.ImportFrom:  # noqa: N802
            level = len(updated_node.relative)
            if level == 0:
                return updated_node
            parts = package.split(".")[: len(package.split(".")) - level + 1]
            module = cst.parse_expression(".".join([*parts, *_parts(updated_node.module)]))
            return updated_node.with_changes(relative=(), module=module)

    return cst.parse_module(text).visit(Absolute()).code


def _parts(module: cst.BaseExpression | None) -> list[str]:
    from libcst.helpers import get_full_name_for_node

    return [] if module is None else [get_full_name_for_node(module) or ""]
