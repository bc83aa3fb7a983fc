"""What a vLLM tree knows of an architecture, read as text: registered or not, how, and in which form."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from scaffold.roots.vllm_tree import BACKEND_DICT, REGISTRY, Registered, VllmTree

PREVIOUS_DICT = "_PREVIOUSLY_SUPPORTED_MODELS"
PLUGIN_DICT = "_OOT_SUPPORTED_MODELS"
SUPPORTED_DICT = "_TRANSFORMERS_SUPPORTED_MODELS"
BACKEND_MODULE = "transformers"
WAYS = {
    "_TEXT_GENERATION_MODELS": "natively, for text generation",
    "_MULTIMODAL_MODELS": "natively, multimodal",
    "_EMBEDDING_MODELS": "natively, for embeddings",
    "_SPECULATIVE_DECODING_MODELS": "as a draft model",
    SUPPORTED_DICT: "through the Transformers backend, by name",
    BACKEND_DICT: "as the Transformers backend itself",
}
_VERSION = re.compile(r"^__version__ = (?:version = )?['\"]([^'\"]{1,40})['\"]", re.MULTILINE)


@dataclass(frozen=True)
class RegistryFacts:
    """What the registry says of one architecture.

    Attributes:
        entry: its entry, or None.
        how: in words.
        form: how the entry names its module: relative to ``vllm.model_executor.models``, or as a full path
            (vLLM since 0.32: ``vllm.models.…``).
        version: of the tree, if it says so (``vllm/_version.py`` of a built tree).
        where: file and table.
    """

    entry: Registered | None
    how: str
    form: str
    version: str | None
    where: str


def registry_facts(tree: VllmTree, architecture: str) -> RegistryFacts:
    """Return what the registry says of an architecture."""
    entry = tree.registry.get(architecture)
    version = _version(tree)
    if entry is None:
        how, where = _not_registered(tree, architecture)
        return RegistryFacts(None, how, "", version, where)
    tables = [name for name, table in _tables(tree).items() if _has(table, architecture)] or [entry.table]
    how = " and ".join(WAYS.get(table, f"in {table}") for table in tables)
    if entry.module == BACKEND_MODULE and not {BACKEND_DICT, SUPPORTED_DICT} & set(tables):
        how = "through the Transformers backend"
    full = entry.module.startswith("vllm.")
    form = f"a full module path, {entry.module}" if full else f"a module beside the registry, {entry.module}"
    return RegistryFacts(entry, f"{how} ({entry.class_name})", form, version, f"{REGISTRY}, {', '.join(tables)}")


def _not_registered(tree: VllmTree, architecture: str) -> tuple[str, str]:
    for table, text in ((PREVIOUS_DICT, "no longer: until vLLM {}"), (PLUGIN_DICT, "out of tree, {}")):
        known = _words(tree, table)
        if architecture in known:
            return text.format(known[architecture]), f"{REGISTRY}, {table}"
    return "not registered", str(REGISTRY)


def _tables(tree: VllmTree) -> dict[str, ast.Dict]:
    """Return the tables of the registry by name."""
    found = {}
    for statement in ast.parse((tree.root / REGISTRY).read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
            found[getattr(statement.targets[0], "id", "")] = statement.value
    return found


def _has(table: ast.Dict, architecture: str) -> bool:
    return any(isinstance(key, ast.Constant) and key.value == architecture for key in table.keys)


def _words(tree: VllmTree, name: str) -> dict[str, str]:
    """Return a table of the registry whose values are words."""
    table = _tables(tree).get(name)
    if table is None:
        return {}
    pairs = zip(table.keys, table.values)
    return {
        str(key.value): str(value.value)
        for key, value in pairs
        if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
    }


def _version(tree: VllmTree) -> str | None:
    path = tree.root / "vllm" / "_version.py"
    if not path.is_file():
        return None
    found = _VERSION.search(path.read_text(encoding="utf-8"))
    return found.group(1) if found else None
