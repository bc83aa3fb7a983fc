"""Where the modeling source of a checkpoint is: in the checkpoint, in the target's transformers, or as given."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from scaffold.checkpoint.purpose import is_named_for_a_decoder
from scaffold.common.errors import CheckpointError
from scaffold.source.python.syntax import SourceFile
from scaffold.source.transformers import auto_mapping
from scaffold.source.transformers.imports import MODULE, resolver

OF_MODEL, OF_CONFIG = ("AutoModelForCausalLM", "AutoModel"), ("AutoConfig",)
"""Names of ``auto_map``."""


@dataclass(frozen=True)
class ModelingSource:
    """The file that defines the architecture, the class in it, and the config class if found."""

    file: SourceFile
    class_name: str
    config_file: SourceFile | None
    config_class: str | None
    library: Path | None
    """Directory of the ``transformers`` package that the file belongs to; None for a checkpoint's own file."""
    transformers: Path | None = None
    """Directory of the target's ``transformers``, which the file may import from."""
    model_type: str | None = None
    """The model type that transformers has it under, where that is another than the config's."""
    defaults: tuple[SourceFile, str] | None = None
    """transformers' config class of the model type, or the one that the code names, with which a checkpoint is loaded
    that has none of its own."""

    def resolve(self, file: SourceFile, dotted: str) -> tuple[SourceFile, str] | None:
        """Return where an imported name is defined, None for outside."""
        return resolver(self.transformers)(file, dotted)

    @property
    def is_own_class(self) -> bool:
        """Return whether the class has the architecture's own name (else it is the model type's usual class)."""
        return self.class_name in self.file.class_names


def find(
    architecture: str,
    model_type: str,
    auto_map: Mapping[str, str],
    checkpoint: Path,
    transformers: Path | None,
    modeling: Path | None = None,
) -> ModelingSource | None:
    """Find the source in the order: ``modeling`` as given, the checkpoint's ``auto_map``, ``transformers``.

    A model type that transformers does not know is that of its class of this name, as vLLM takes it (Kimi K2 is a
    DeepSeek-V3). A file of ``auto_map`` that was not downloaded is no error: what transformers has of the model type is
    taken, see ``not_there``.

    Args:
        architecture: class name from ``config.json``.
        model_type: folder name in transformers.
        auto_map: ``config.json``'s own table of remote code, ``{"AutoModelForCausalLM": "file.Class"}``.
        checkpoint: directory of the checkpoint.
        transformers: the target's ``transformers`` package directory, or None.
        modeling: a file that the user names.

    Raises:
        CheckpointError: a named file does not exist, does not parse, or has no such class.
    """
    if modeling is not None:
        found = _from_file(modeling, architecture, transformers, _referred(auto_map, OF_CONFIG))
        return _with_defaults(found, model_type, transformers)
    own = _referred(auto_map)
    if own is not None and os.path.lexists(checkpoint / own[0]):
        found = _from_file(checkpoint / own[0], own[1], transformers, _referred(auto_map, OF_CONFIG))
        return _with_defaults(found, model_type, transformers)
    return _from_transformers(architecture, model_type, transformers) if transformers else None


def not_there(auto_map: Mapping[str, str], checkpoint: Path) -> str | None:
    """Return the file that ``auto_map`` names as the model's source and that the checkpoint does not have, or None.

    Raises:
        CheckpointError: the entry is no reference to a class.
    """
    own = _referred(auto_map)
    return None if own is None or os.path.lexists(checkpoint / own[0]) else own[0]


def _referred(auto_map: Mapping[str, str], names: tuple[str, ...] = OF_MODEL) -> tuple[str, str] | None:
    """Return file and class by ``auto_map``, by the first of these names that it has; None if it has none."""
    reference = next((auto_map[name] for name in names if auto_map.get(name)), None)
    if reference is None:
        return None
    file_name, _, class_name = reference.rpartition("--")[2].partition(".")
    if not MODULE.fullmatch(file_name) or not MODULE.fullmatch(class_name):
        raise CheckpointError(
            f"the reference {reference!r}",
            where="config.json, auto_map",
            expected="module.Class, the module a file in the checkpoint",
            remedy="correct the entry, or pass the file with --modeling",
        )
    return f"{file_name}.py", class_name


def _from_file(
    path: Path, class_name: str, transformers: Path | None, config: tuple[str, str] | None
) -> ModelingSource:
    if not path.is_file():
        raise CheckpointError(
            "no such file",
            where=str(path),
            expected="the modeling source of the checkpoint",
            remedy="copy it beside config.json, or pass it with --modeling",
        )
    file = SourceFile.parse(path)
    if class_name not in file.class_names:
        raise CheckpointError(
            f"no class {class_name!r}",
            where=path.name,
            expected=f"one of {', '.join(file.class_names) or 'no class at all'}",
            remedy="correct `architectures` in config.json, or pass another file with --modeling",
        )
    config_path = path.with_name(path.name.replace("modeling_", "configuration_"))
    if config is not None and path.with_name(config[0]).is_file():
        config_path = path.with_name(config[0])
    if config is not None and config_path == path and config[1] in file.class_names:
        return ModelingSource(file, class_name, file, config[1], None, transformers)
    if config is not None and config_path == path and (named_there := _of_library(file, config[1], transformers)):
        return ModelingSource(file, class_name, *named_there, None, transformers)
    if config_path == path or not config_path.is_file():
        return ModelingSource(file, class_name, None, None, None, transformers)
    config_file = SourceFile.parse(config_path)
    imported = None if config is None else _of_library(config_file, config[1], transformers)
    if imported is not None:
        return ModelingSource(file, class_name, *imported, None, transformers)
    named = config[1] if config is not None and config[1] in config_file.class_names else _config_class(config_file)
    return ModelingSource(file, class_name, config_file, named, None, transformers)


def _with_defaults(source: ModelingSource, model_type: str, transformers: Path | None) -> ModelingSource:
    """Return the source with transformers' config class, if the checkpoint has none of its own.

    It is that of the model type, or, of one that transformers does not know, the one that the code names.
    """
    if source.config_file is not None or transformers is None:
        return source
    return replace(source, defaults=_config_of(model_type, transformers) or _named_config(source))


def _named_config(source: ModelingSource) -> tuple[SourceFile, str] | None:
    """Return where ``config_class`` of the model's class is defined, if that is in transformers."""
    name: str | None = source.class_name
    while name is not None:
        body = getattr(source.file.definitions.get(name), "body", ())
        targets = {ast.unparse(t): one.value for one in body if isinstance(one, ast.Assign) for t in one.targets}
        if isinstance(found := targets.get("config_class"), ast.Name):
            return _of_library(source.file, found.id, source.transformers)
        bases = getattr(source.file.definitions.get(name), "bases", ())
        name = next((one.id for one in bases if isinstance(one, ast.Name) and one.id in source.file.class_names), None)
    return None


def _of_library(file: SourceFile, name: str, transformers: Path | None) -> tuple[SourceFile, str] | None:
    """Return the file of transformers that defines what a file imports by a name, None where it is not there."""
    dotted = file.imports.get(name)
    found = resolver(transformers)(file, dotted) if dotted else None
    return found if found is not None and found[0].is_of_library and found[1] in found[0].class_names else None


def _config_of(model_type: str, transformers: Path) -> tuple[SourceFile, str] | None:
    """Return file and name of transformers' config class of a model type, None where it has none."""
    folder, name = auto_mapping.folder(model_type, transformers), auto_mapping.config_class(model_type, transformers)
    path = transformers / "models" / folder / f"configuration_{folder}.py"
    if not MODULE.fullmatch(folder) or name is None or not path.is_file():
        return None
    file = SourceFile.parse(path, f"transformers/models/{folder}/{path.name}")
    return (file, name) if name in file.class_names else None


def _from_transformers(architecture: str, model_type: str, transformers: Path) -> ModelingSource | None:
    folder = auto_mapping.folder(model_type, transformers)
    if not MODULE.fullmatch(folder) or not MODULE.fullmatch(architecture):
        return None
    own = transformers / "models" / folder / f"modeling_{folder}.py"
    if not own.is_file() and auto_mapping.config_class(model_type, transformers) is None:
        served_as = auto_mapping.model_type_of(architecture, transformers)
        found = None if served_as is None else _from_transformers(architecture, served_as, transformers)
        return None if found is None else replace(found, model_type=served_as)
    if not own.is_file():
        return None
    file = SourceFile.parse(own, f"transformers/models/{folder}/{own.name}")
    class_name = architecture
    if architecture not in file.class_names:
        usual = [auto_mapping.causal_lm_class(model_type, transformers)]
        usual += [n for n in file.class_names if is_named_for_a_decoder(n)]
        usual += [auto_mapping.image_text_class(model_type, transformers)]
        class_name = next((n for n in usual if n in file.class_names), "") or ""
        if not class_name:
            return None
    config_path = own.with_name(f"configuration_{folder}.py")
    if not config_path.is_file():
        return ModelingSource(file, class_name, None, None, transformers, transformers)
    config_file = SourceFile.parse(config_path, f"transformers/models/{folder}/{config_path.name}")
    config_class = auto_mapping.config_class(model_type, transformers)
    if config_class not in config_file.class_names:
        config_class = _config_class(config_file, model_type)
    return ModelingSource(file, class_name, config_file, config_class, transformers, transformers)


def _config_class(file: SourceFile, model_type: str | None = None) -> str | None:
    """Return the config class of a model type: the one that says so, else the only one, else the text config."""
    names = [n for n in file.class_names if n.endswith("Config")]
    for name in names:
        found = _model_type_of(file.definitions[name])
        if found is not None and model_type in (None, found):
            return name
    return names[0] if len(names) == 1 else None


def _model_type_of(definition: ast.stmt) -> str | None:
    for statement in getattr(definition, "body", []):
        targets = getattr(statement, "targets", None)
        if targets and getattr(targets[0], "id", "") == "model_type":
            return str(getattr(statement.value, "value", None))
    return None
