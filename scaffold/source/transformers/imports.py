"""Where the imports of modeling source lead: to the files that are followed, or to the outside."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from scaffold.source.python.syntax import SourceFile
from scaffold.source.transformers import auto_mapping

MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""One part of a dotted name."""
LIBRARY_FILES = ("activations", "modeling_attn_mask_utils", "modeling_rope_utils")
"""Files at the root of transformers that are followed, as they are plain PyTorch. All else there (caches, masks,
kernels, loading) stays outside, and the interpreter has its own word for what models take from it."""


def resolver(transformers: Path | None) -> Callable[[SourceFile, str], tuple[SourceFile, str] | None]:
    """Return the function that finds where an imported name is defined.

    Followed are files beside the source (of remote code whatever their name, as transformers loads them), modeling and
    configuration files under the same ``models`` folder, and the ``LIBRARY_FILES``.

    Args:
        transformers: the target's package directory, for absolute imports from ``transformers``; None: these stay
            outside.
    """
    parsed: dict[Path, SourceFile] = {}

    def resolve(file: SourceFile, dotted: str) -> tuple[SourceFile, str] | None:
        path = _path(file, dotted, transformers)
        name = dotted.rpartition(".")[2]
        if path is None or not path.is_file():
            return None
        if path not in parsed:
            parsed[path] = SourceFile.parse(path, _shown(path))
        target = parsed[path]
        if name in target.definitions:
            return target, name
        further = target.imports.get(name)
        return resolve(target, further) if further and further != dotted else None

    return resolve


def resolve(file: SourceFile, dotted: str) -> tuple[SourceFile, str] | None:
    """Resolve an import as ``resolver`` does, where only the source's own place is known."""
    return resolver(None)(file, dotted)


def _path(file: SourceFile, dotted: str, transformers: Path | None) -> Path | None:
    level = len(dotted) - len(dotted.lstrip("."))
    *module, _ = dotted.lstrip(".").split(".")
    if not module or not all(MODULE.fullmatch(part) for part in module):
        return None
    if level:
        base = file.path.parent
        for _ in range(level - 1):
            base = base.parent
    elif transformers is not None and module[0] == "transformers":
        base, module = transformers, module[1:]
        if not module or (module[0] == "models" and len(module) == 2):
            return _of_a_package(transformers, dotted.rpartition(".")[2], module[1:])
    else:
        return None
    name = dotted.rpartition(".")[2]
    if level and len(module) == 1 and name.endswith("Config") and base.name == "models" and _is_root(base.parent):
        module = [*module, f"configuration_{module[0]}"] if module[0] != "auto" else module  # of the package of a model
    is_library = module[-1:] and module[-1] in LIBRARY_FILES and _is_root(base / "/".join(module[:-1]))
    is_beside = level == 1 and len(module) == 1 and not file.is_of_library
    is_modeling = bool(module) and module[-1].startswith(("modeling_", "configuration_"))
    if not (is_library or is_beside or is_modeling):
        return None
    is_out = level > 2 and not (module[0] == "models" and _is_root(base))
    if not is_library and (is_out or _is_root(base / "/".join(module[:-1]))):
        return None  # out of the models' folder, or modeling_utils, modeling_outputs, configuration_utils …
    return base.joinpath(*module).with_suffix(".py")


def _of_a_package(transformers: Path, name: str, folders: Sequence[str]) -> Path | None:
    """Return the file that defines what is imported from ``transformers`` itself, or from the package of a model.

    Args:
        transformers: the package's directory.
        name: what is imported.
        folders: the model's folder; empty: those of the configs that the name begins as.
    """
    for folder in folders or auto_mapping.folders_named(name, transformers):
        for kind in ("configuration", "modeling"):
            path = transformers / "models" / folder / f"{kind}_{folder}.py"
            if path.is_file() and f"\nclass {name}(" in path.read_text(encoding="utf-8"):
                return path
    return None


def _is_root(directory: Path) -> bool:
    return directory.name == "transformers" and (directory / "models").is_dir()


def _shown(path: Path) -> str:
    """Return how evidence names a file: from ``transformers`` on, or by its name beside a checkpoint's source."""
    if "transformers" not in path.parts:
        return path.name
    behind = path.parts[::-1].index("transformers")
    return "/".join(path.parts[-1 - behind :])
