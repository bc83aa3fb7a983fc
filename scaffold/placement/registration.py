"""How vLLM comes to know of an implementation: its registry, vllm-ascend's, and names as each of them writes them."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from codemods import ChangeSet, edit
from scaffold.roots.vllm_tree import MODELS, read_vllm_tree
from scaffold_validators.syntax import nodes

MODELS_PACKAGE = ".".join(MODELS.parts)
ASCEND_MODELS = Path("vllm_ascend/models")
DOTS = re.compile(rb"from[ \t]*\.(?:[ \t]*\.)*")
"""How a relative import begins."""
DOTS_AND_NAME = re.compile(DOTS.pattern + rb"[ \t]*[\w.]+")


@dataclass(frozen=True)
class Registration:
    """One architecture and the implementation that serves it: a generated module, or one of vLLM's own."""

    architecture: str
    module: str
    class_name: str
    table: str
    """The dict of vLLM's registry that it belongs to."""


@dataclass(frozen=True)
class ConfigModule:
    """A module with the class of a config that vLLM could load by remote code only.

    Attributes:
        module: its name.
        class_name: the class in it.
        model_type: of the configs that it is for.
        text: the module's, not laid out yet.
        instead: why transformers' own class for the model type is none for it; empty where there is none.
    """

    module: str
    class_name: str
    model_type: str
    text: str
    instead: str = ""


def register_in_vllm(changes: ChangeSet, tree: Path, registration: Registration) -> ChangeSet:
    """Add the line to the tree's ``registry.py``.

    What that says of an architecture that it does not serve (the last release that did, a plugin's page) goes.

    Raises:
        Refusal: the registry has another implementation of it.
    """
    is_served = registration.architecture in read_vllm_tree(tree).registry
    return edit(
        changes,
        "vllm-registry-entry",
        tree,
        architecture=registration.architecture,
        module=registration.module,
        class_name=registration.class_name,
        registry=registration.table,
        replace="no" if is_served else "yes",
    )


def register_in_ascend(changes: ChangeSet, tree: Path, registration: Registration, package: str) -> ChangeSet:
    """Add the call to ``register_model`` of ``vllm_ascend/models``; ``package`` holds the module.

    A vllm-ascend without models of its own (0.12 to 0.22) gets the package, and what vLLM calls it by.

    Raises:
        Refusal: the architecture is registered as something else, or the tree has no place for a registration.
    """
    return edit(
        changes,
        "add-ascend-model",
        tree,
        architecture=registration.architecture,
        module=dotted(registration.module, package),
        class_name=registration.class_name,
    )


def register_config_in_vllm(changes: ChangeSet, tree: Path, config: ConfigModule) -> ChangeSet:
    """Add a config's class to the tree's own, and its model type to the table of them.

    Raises:
        Refusal: the tree has another class for this model type, or no such tables.
    """
    changes = edit(changes, "vllm-config-class", tree, class_name=config.class_name, module=config.module)
    return edit(changes, "vllm-config-type", tree, model_type=config.model_type, class_name=config.class_name)


def register_config_in_ascend(changes: ChangeSet, tree: Path, config: ConfigModule, package: str) -> ChangeSet:
    """Add the registration of a config's class to ``register_model`` of ``vllm_ascend/models``.

    Raises:
        Refusal: the model type has another class there.
    """
    return edit(
        changes,
        "ascend-config-registration",
        tree,
        model_type=config.model_type,
        module=f"{package}.{config.module}",
        class_name=config.class_name,
    )


def dotted(module: str, package: str) -> str:
    """Return a module's full name: registries name the modules of their own package by the last part alone."""
    return module if "." in module else f"{package}.{module}"


def absolute_imports(text: str, package: str = MODELS_PACKAGE) -> str:
    """Turn the relative imports of a module of ``package`` into absolute ones, for a life outside of it."""
    lines = text.encode().splitlines(keepends=True)  # positions in trees count bytes
    for node in nodes(text):
        if isinstance(node, ast.ImportFrom) and node.level:
            parts = package.split(".")[: len(package.split(".")) - node.level + 1]
            module = ".".join([*parts, *([node.module] if node.module else [])])
            first, column = node.lineno - 1, node.col_offset
            before, statement = lines[first][:column], lines[first][column:]
            written = DOTS_AND_NAME if node.module else DOTS
            lines[first] = before + written.sub(f"from {module}".encode(), statement, count=1)
    return b"".join(lines).decode()
