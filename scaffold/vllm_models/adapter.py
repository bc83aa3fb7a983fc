"""``check_adapter``: a checkpoint against an existing vLLM model file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from scaffold.checkpoint.quantization import described, method_of, modelslim_files
from scaffold.checkpoint.read import Checkpoint
from scaffold.common.errors import UsageError
from scaffold.roots.vllm_tree import Registered, VllmTree, read_vllm_tree
from scaffold.vllm_models.check import AdapterCheck, check
from scaffold.vllm_models.configs import config_classes, config_of
from scaffold.vllm_models.files import MODELS, Files
from scaffold.vllm_models.known import KNOWN
from scaffold.vllm_models.model_file import ModelFile
from scaffold.vllm_models.reader import Reader
from scaffold.vllm_models.values import ClassValue, Fault, Node, Record


def check_adapter(
    path: Path,
    checkpoint: Checkpoint,
    vllm: Path | None = None,
    transformers: Path | None = None,
    completed: Mapping[str, Any] | None = None,
    ranks: Sequence[int] = (),
) -> AdapterCheck:
    """Tell which tensors a model file would not take, and which of its parameters would stay empty. Nothing is run.

    Args:
        path: the file.
        checkpoint: its names and its config count.
        vllm: the source tree into which imports are followed; by default the one that the file lies in.
        transformers: the package in which config classes and inner architectures are looked up.
        completed: the text config as its class completes it, where that is known.
        ranks: tensor-parallel sizes to make the modules for, besides one.

    Raises:
        UsageError: the file cannot be read, or has no class for the architecture.
    """
    root = vllm or tree_of(path)
    files = Files(root)
    tree = None if root is None else read_vllm_tree(root)
    value = _class(files.open(path), checkpoint.architecture, {} if tree is None else tree.registry)
    reader = _reader(files, tree, transformers, is_quantised=is_quantised(checkpoint))
    found = _check(reader, value, checkpoint, transformers, completed)
    return _at(ranks, found, reader, tree, value, checkpoint, transformers, completed)


def check_registered(
    tree: VllmTree,
    entry: Registered,
    checkpoint: Checkpoint,
    transformers: Path | None = None,
    completed: Mapping[str, Any] | None = None,
    absent: Iterable[str] = (),
    ranks: Sequence[int] = (),
) -> AdapterCheck:
    """Do the same with the class that a tree's registry names.

    Args:
        tree: the vLLM tree.
        entry: of its registry.
        checkpoint: its names and its config count.
        transformers: see `check_adapter`.
        completed: see `check_adapter`.
        absent: names that its source has and it has not: they may be there in other parts.
        ranks: tensor-parallel sizes to make the modules for, besides one.

    Raises:
        UsageError: its file is not in the tree, or does not have it.
    """
    files = Files(tree.root)
    reader = _reader(files, tree, transformers, is_quantised=is_quantised(checkpoint))
    value = _registered(reader, tree, entry)
    found = _check(reader, value, checkpoint, transformers, completed, absent)
    return _at(ranks, found, reader, tree, value, checkpoint, transformers, completed)


def _at(
    ranks: Sequence[int],
    found: AdapterCheck,
    reader: Reader,
    tree: VllmTree | None,
    value: ClassValue,
    checkpoint: Checkpoint,
    transformers: Path | None,
    completed: Mapping[str, Any] | None,
) -> AdapterCheck:
    """Add why the modules cannot be made for each tensor-parallel size, where that is not so for one rank."""
    quantised = is_quantised(checkpoint)
    others = {
        size: _reader(reader.files, tree, transformers, size, reader.kinds, quantised)
        for size in ranks if size > 1
    }  # fmt: skip
    faults = {size: _faults(other, value, checkpoint, transformers, completed) for size, other in others.items()}
    new = {size: [fault for fault in of if fault.says not in found.faults] for size, of in faults.items()}
    ordered = {size: sorted(of, key=lambda fault: not fault.of_sizes) for size, of in new.items()}
    misfits = {size: tuple(fault.says for fault in of) for size, of in ordered.items()}
    return replace(found, misfits=misfits)


def built(
    tree: VllmTree,
    entry: Registered | Path,
    checkpoint: Checkpoint,
    transformers: Path | None = None,
    completed: Mapping[str, Any] | None = None,
    draft: Mapping[str, Any] | None = None,
) -> tuple[Reader, Node]:
    """Make the modules of a registered class, or of a file's, with a quantisation, and return the reader with them.

    Args:
        tree: the vLLM tree.
        entry: of its registry; a file with a class for the checkpoint's architecture.
        checkpoint: see `check_registered`.
        transformers: see `check_registered`.
        completed: see `check_registered`.
        draft: the config of the draft, where the class is that of a draft.

    Raises:
        UsageError: the class is not there, or goes on without an end.
    """
    files = Files(tree.root)
    reader = _reader(files, tree, transformers, is_quantised=True)
    reader.draft = None if draft is None else Record(draft, "the draft's config")
    value = _of_file(files, entry, checkpoint, tree) if isinstance(entry, Path) else _registered(reader, tree, entry)
    config = config_of(checkpoint, completed, transformers, tree.root)
    try:
        node = reader.build(value, [], {"vllm_config": reader.around(config), "prefix": ""})
    except RecursionError:
        raise _endless(value) from None
    assert isinstance(node, Node)
    return reader, node


def _of_file(files: Files, path: Path, checkpoint: Checkpoint, tree: VllmTree) -> ClassValue:
    return _class(files.open(path, f"{MODELS}.{path.stem}"), checkpoint.architecture, tree.registry)


def _registered(reader: Reader, tree: VllmTree, entry: Registered) -> ClassValue:
    """Return the class that a registry names.

    Raises:
        UsageError: its file is not in the tree, or does not have it.
    """
    file = reader.files.find(_module(entry))
    value = None if file is None else reader.global_value(file, entry.class_name)
    if isinstance(value, ClassValue):
        return value
    raise UsageError(
        f"no class {entry.class_name} in {_module(entry)}",
        where=str(tree.root),
        expected="the class that its registry.py names",
        remedy="check the tree",
    )


def _endless(value: ClassValue) -> UsageError:
    return UsageError(
        "its classes go on without an end when they are followed",
        where=str(value.file.path),
        expected="a model file",
        remedy="let the twin show what it computes",
    )


def _faults(
    reader: Reader,
    value: ClassValue,
    checkpoint: Checkpoint,
    transformers: Path | None,
    completed: Mapping[str, Any] | None,
) -> Sequence[Fault]:
    """Return where making the modules fails."""
    config = config_of(checkpoint, completed, transformers, reader.files.root)
    reader.build(value, [], {"vllm_config": reader.around(config), "prefix": ""})
    return reader.faults


def _reader(
    files: Files,
    tree: VllmTree | None,
    transformers: Path | None,
    ranks: int = 1,
    kinds: dict[str, set[int]] | None = None,
    is_quantised: bool = False,
) -> Reader:
    registry = {} if tree is None else tree.registry
    return Reader(
        files,
        {name: (_module(entry), entry.class_name) for name, entry in registry.items()},
        lambda model_type: _causal_lm(transformers, model_type),
        lambda model_type: config_classes(transformers, model_type),
        KNOWN,
        frozenset() if tree is None else tree.latent_model_types(),
        ranks,
        kinds,
        is_quantised,
    )


def _check(
    reader: Reader,
    value: ClassValue,
    checkpoint: Checkpoint,
    transformers: Path | None,
    completed: Mapping[str, Any] | None,
    absent: Iterable[str] = (),
) -> AdapterCheck:
    config = config_of(checkpoint, completed, transformers, reader.files.root)
    try:
        node = reader.build(value, [], {"vllm_config": reader.around(config), "prefix": ""})
        assert isinstance(node, Node)
        return check(reader, node, checkpoint.weights.forms, absent)
    except RecursionError:
        raise _endless(value) from None


def is_described(checkpoint: Checkpoint) -> bool:
    """Return whether the weights are quantised by a description beside the config, which need not speak of it."""
    return bool(modelslim_files(checkpoint.path))


def is_quantised(checkpoint: Checkpoint) -> bool:
    """Return whether vLLM makes quantised layers: the config names a method, or a description beside it does.

    A section of the config that names no method is as none.
    """
    _, said = described(checkpoint.path, checkpoint.config, checkpoint.text_config)
    return (said is not None and bool(method_of(said))) or is_described(checkpoint)


def tree_of(path: Path) -> Path | None:
    """Return the source tree that a file lies in, None if it lies in none."""
    for folder in path.resolve().parents:
        if (folder / "vllm" / "model_executor" / "models" / "registry.py").is_file():
            return folder
    return None


def _module(entry: Registered) -> str:
    return entry.module if "." in entry.module else f"{MODELS}.{entry.module}"


def _class(file: ModelFile, architecture: str, registry: dict[str, Registered]) -> ClassValue:
    """Return the class of the architecture: that of its name, or the one that the registry has for it."""
    entry = registry.get(architecture)
    for name in (architecture, entry.class_name if entry and _module(entry) == file.module else ""):
        node = file.class_node(name)
        if node is not None:
            return ClassValue(file, node)
    has = ", ".join(file.class_names)
    raise UsageError(
        f"no class for {architecture}",
        where=str(file.path),
        expected=f"one of that name, or one that registry.py of the same tree has for it; it has {has}",
        remedy="pass the file that serves this architecture with --adapter",
    )


@lru_cache
def _causal_lm(transformers: Path | None, model_type: str) -> str | None:
    """Return the architecture of a model type in transformers' table of causal language models."""
    path = transformers / "models" / "auto" / "modeling_auto.py" if transformers else None
    if path is None or not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    table = text[text.find("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = ") :]
    found = re.search(rf'\("{re.escape(model_type)}", "(\w+)"\)', table[: table.find("\n)\n")])
    return found[1] if found else None
