"""How vLLM comes to know of an implementation: its registry, vllm-ascend's, and names as each of them writes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codemods import ChangeSet, edit
from scaffold.roots.vllm_tree import MODELS

if TYPE_CHECKING:
    import libcst as cst

MODELS_PACKAGE = ".".join(MODELS.parts)
ASCEND_MODELS = Path("vllm_ascend/models")


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
