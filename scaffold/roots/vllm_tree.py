"""A vLLM source tree: is it one, and which architectures does it know."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from scaffold.common.errors import UsageError
from scaffold_validators.syntax import below, nodes

REGISTRY = Path("vllm/model_executor/models/registry.py")
MODELS = REGISTRY.parent
PROCESSORS = Path("vllm/transformers_utils/processors")
CONFIGS = Path("vllm/transformers_utils/config.py")
CONFIG_CLASSES = Path("vllm/transformers_utils/configs")
CONFIG_TABLE = "_CONFIG_REGISTRY"
TEXT_DICT = "_TEXT_GENERATION_MODELS"
MULTIMODAL_DICT = "_MULTIMODAL_MODELS"
BACKEND_DICT = "_TRANSFORMERS_BACKEND_MODELS"
HEADER_LINES = 2
"""vLLM's own licence header: SPDX licence and copyright (tools/pre_commit/check_spdx_header.py)."""


LATENT_LISTS = ("vllm/transformers_utils/model_arch_config_convertor.py", "vllm/config/model.py")
"""Where ``is_deepseek_mla`` is: in newer versions, in older ones."""


@dataclass(frozen=True)
class Registered:
    """An entry of ``registry.py``."""

    architecture: str
    module: str
    class_name: str
    table: str


@dataclass(frozen=True)
class VllmTree:
    """A vLLM source tree and its registry."""

    root: Path
    registry: dict[str, Registered]

    def licence_header(self) -> str:
        """Return the comment lines that the tree's own files start with."""
        lines = (self.root / REGISTRY).read_text(encoding="utf-8").splitlines()[:HEADER_LINES]
        return "\n".join(line for line in lines if line.startswith("#"))

    def latent_model_types(self) -> frozenset[str]:
        """Return the model types for which this vLLM keeps latents in the cache (MLA), as its own list says."""
        for place in LATENT_LISTS:
            path = self.root / place
            if path.is_file():
                found = _strings_of(path.read_text(encoding="utf-8"), "is_deepseek_mla")
                if found:
                    return found
        return frozenset()

    def config_types(self) -> frozenset[str]:
        """Return the model types for which this vLLM has a config class of its own."""
        path = self.root / CONFIGS
        if not path.is_file():
            return frozenset()
        return _config_types(path.read_text(encoding="utf-8"))

    def digest(self) -> str:
        """Return a SHA-256 over the path and content of every Python file of the package."""
        digest = hashlib.sha256()
        for path in sorted((self.root / "vllm").rglob("*.py")):
            digest.update(path.relative_to(self.root).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()


def read_vllm_tree(root: Path) -> VllmTree:
    """Read a tree.

    Raises:
        UsageError: it is no vLLM source tree.
    """
    path = root / REGISTRY
    if not path.is_file():
        raise UsageError(
            "no vLLM source tree",
            where=str(root),
            expected=f"a directory that holds {REGISTRY}",
            remedy="pass the root of the checkout with --vllm (in the container: /vllm-workspace/vllm)",
        )
    try:
        entries = _entries(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError(
            f"a registry that does not parse ({error})",
            where=str(path),
            expected="vLLM's registry.py",
            remedy="restore the file with git",
        ) from error
    return VllmTree(root, {entry.architecture: entry for entry in entries})


@lru_cache(maxsize=8)
def _config_types(text: str) -> frozenset[str]:
    """Return the keys of the table of config classes. By content, as ``_entries``."""
    assigned = [statement for statement in ast.parse(text).body if isinstance(statement, ast.AnnAssign)]
    tables = [statement.value for statement in assigned if ast.unparse(statement.target) == CONFIG_TABLE]
    calls = [table for table in tables if isinstance(table, ast.Call)]
    return frozenset(name for call in calls for keyword in call.keywords for name in _keywords(keyword))


def _keywords(keyword: ast.keyword) -> list[str]:
    """Return the names of ``a=…`` and of ``**{"a": …}``."""
    if keyword.arg is not None:
        return [keyword.arg]
    keys = keyword.value.keys if isinstance(keyword.value, ast.Dict) else []
    return [str(key.value) for key in keys if isinstance(key, ast.Constant)]


@lru_cache(maxsize=8)
def _strings_of(text: str, function: str) -> frozenset[str]:
    """Return the strings in a function's body. By content, as ``_entries``."""
    if function not in text:
        return frozenset()
    return frozenset(
        node.value
        for definition in nodes(text)
        if isinstance(definition, ast.FunctionDef) and definition.name == function
        for node in below(definition)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@lru_cache(maxsize=8)
def _entries(text: str) -> tuple[Registered, ...]:
    """Return the entries of a registry. A plan reads it several times: by its content it cannot go stale."""
    found = []
    for statement in ast.parse(text).body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        value = statement.value if isinstance(statement, ast.Assign) else None
        if not isinstance(target, ast.Name) or not isinstance(value, ast.Dict):
            continue
        for key, item in zip(value.keys, value.values):
            if isinstance(key, ast.Constant) and isinstance(item, ast.Tuple) and len(item.elts) >= 2:
                module, name = item.elts[:2]
                if isinstance(module, ast.Constant) and isinstance(name, ast.Constant):
                    found.append(Registered(str(key.value), str(module.value), str(name.value), target.id))
    return tuple(found)
