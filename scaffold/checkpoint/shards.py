"""Which safetensors files make up a checkpoint, and whether index and shards agree."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from scaffold.checkpoint.files import has_file, read_bytes
from scaffold.checkpoint.headers import Forms, TensorHeader, header, read_shard
from scaffold.checkpoint.jsonfile import decoded, no_such_number, parse_object
from scaffold.checkpoint.patterns import Pattern, patterns
from scaffold.checkpoint.text import shown
from scaffold.common.errors import CheckpointError

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
MAX_INDEX_BYTES = 200_000_000
"""The index of a 92,000-tensor checkpoint has 9 MB."""
_SHARD_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]{1,240}\.safetensors")
REMEDY = "download index and shards again, from one revision"
EVERY_FILE = f": without {INDEX} vLLM loads every safetensors file of the folder"
BINS = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.gguf", "*.h5", "*.msgpack")


@dataclass(frozen=True)
class Weights:
    """The weights of a checkpoint, as their headers describe them."""

    forms: Forms
    """Name → form of every tensor; forms are shared, so this is fast to build at any size."""
    shards: tuple[str, ...]
    notes: tuple[str, ...]
    """Files beside the shards that were left out."""
    digest: str
    """SHA-256 over each shard's name, size, modification time and header."""

    @cached_property
    def patterns(self) -> tuple[Pattern, ...]:
        """All tensors as patterns of names."""
        return patterns(self.forms)

    @cached_property
    def tensors(self) -> dict[str, TensorHeader]:
        """Name → header of every tensor."""
        with without_collection():
            return {name: header(name, form) for name, form in self.forms.items()}


def read_tensors(directory: Path) -> dict[str, TensorHeader]:
    """Return the headers of all tensors by name.

    Raises:
        CheckpointError: as `read_weights`.
    """
    return read_weights(directory).tensors


def read_weights(directory: Path) -> Weights:
    """Read the headers of all tensors.

    The index decides which files belong, if there is one; otherwise all ``*.safetensors`` do, as in vLLM
    (vllm/model_executor/model_loader/default_loader.py, ``_prepare_weights``), except the ``consolidated*`` ones, which
    hold the same weights in another layout.

    Raises:
        CheckpointError: a shard is missing, damaged, or outside the directory; the index names a tensor that is not
            where it says, or belongs to other files; a tensor is in two shards; there are no safetensors files.
    """
    with without_collection():
        index = _read_index(directory) if has_file(directory, INDEX) else None
        names = _files(directory) if index is None else _shards_of(index)
        if index is not None:
            _check_stale(directory, names, index)
        forms: dict[str, Any] = dict.fromkeys(index or ())
        expected = "a safetensors file" if index is None else f"all shards that {INDEX} names"
        digest = hashlib.sha256()
        count = 0
        for name in names:
            shard = read_shard(directory / name, expected)
            digest.update(f"{name}\0{shard.file_bytes}\0{shard.modified_ns}\0".encode())
            digest.update(shard.raw)
            forms.update(shard.forms)
            count += len(shard.forms)
        # The forms now lie in the order of the index; those that it does not name come last
        named = islice(forms.values(), len(index or ()))
        if count != len(forms) or (index is not None and [f and f[3] for f in named] != list(index.values())):
            _disagree(directory, names, index)
    if not forms:
        raise CheckpointError(
            "no tensors", where=", ".join(names), expected="the weights of a model", remedy="download the shards again"
        )
    notes = (*_unnamed(forms, index), *_notes(directory, set(names)))
    return Weights(forms, tuple(names), notes, digest.hexdigest())


@contextmanager
def without_collection() -> Iterator[None]:
    """Keep Python's garbage collector from searching hundreds of thousands of new values for cycles: there are none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _read_index(directory: Path) -> dict[str, str]:
    purpose = "the index of the shards"
    raw = read_bytes(directory, INDEX, f"a JSON object, {purpose}", MAX_INDEX_BYTES)
    weight_map = _fast_index(raw)
    if weight_map is None:
        document = parse_object(raw, INDEX, f"a JSON object, {purpose}", "download the index again")
        weight_map = document.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(
            "no weight_map",
            where=INDEX,
            expected="an object from tensor names to shard names",
            remedy="download the index again",
        )
    return weight_map


def _shards_of(index: dict[str, str]) -> list[str]:
    try:
        names = set(index.values())
    except TypeError:  # some value is no word
        names = set()
    if names and all(map(_is_shard_name, names)):
        return sorted(names)
    tensor, shard = next((t, s) for t, s in index.items() if not _is_shard_name(s))
    raise CheckpointError(
        f"the shard name {shown(shard)} of {shown(tensor)}",
        where=INDEX,
        expected="the name of a .safetensors file in the same directory",
        remedy="download the index again; do not use a checkpoint from an unknown source",
    )


def _is_shard_name(value: Any) -> bool:
    return isinstance(value, str) and _SHARD_NAME.fullmatch(value) is not None and value.isprintable()


def _fast_index(raw: bytes) -> Any:
    """Return the ``weight_map`` of an index without escapes and duplicate keys, otherwise None.

    As in headers, the number of quotes shows whether a key was written twice.
    """
    if b"\\" in raw:
        return None
    try:
        document = json.loads(decoded(raw), parse_constant=no_such_number)
        weight_map = document["weight_map"]
        rest = sum(map(_quotes, (v for k, v in document.items() if k != "weight_map")))
        quotes = 2 * len(document) + 4 * len(weight_map) + rest  # if all its values are words: `_shards_of` sees to it
        return weight_map if raw.count(b'"') == quotes else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _quotes(value: Any) -> int:
    if isinstance(value, str):
        return 2
    if isinstance(value, list):
        return sum(map(_quotes, value))
    return sum(2 + _quotes(v) for v in value.values()) if isinstance(value, dict) else 0


def _files(directory: Path) -> list[str]:
    names = _names(directory, "*.safetensors")
    names = [n for n in names if not n.startswith("consolidated")] or names
    if not names:
        bins = [name for pattern in BINS for name in _names(directory, pattern)]
        raise CheckpointError(
            f"no safetensors files{f', only {shown(bins[0])} and its like' if bins else ''}",
            where=str(directory),
            expected=f"{SINGLE}, or shards with {INDEX}",
            remedy="convert the weights to safetensors (https://huggingface.co/docs/safetensors/convert-weights, or "
            "load the model with transformers in a place that you trust and call save_pretrained); "
            "pickled files are not read, as loading one runs code"
            if bins
            else "pass the directory that holds the weights",
        )
    bad = next((name for name in names if not _is_shard_name(name)), None)
    if bad is not None:
        raise CheckpointError(
            f"the file name {shown(bad)}",
            where=str(directory),
            expected="a name of printable characters",
            remedy="remove the file, or rename it",
        )
    return names


def _names(directory: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in directory.glob(pattern))


def _check_stale(directory: Path, names: list[str], index: dict[str, str]) -> None:
    """Check, for an index whose shards are missing, whether other files hold all tensors that it names.

    Raises:
        CheckpointError: they do: the index belongs to other files.
    """
    missing = [name for name in names if not os.path.lexists(directory / name)]
    others = [name for name in _names(directory, "*.safetensors") if name not in names and _is_shard_name(name)]
    others = [name for name in others if not name.startswith("consolidated")]
    if not missing or not others:
        return
    held = {name for other in others for name in read_shard(directory / other).forms}
    there = {name for name, shard in index.items() if shard not in missing}
    if index.keys() <= held | there:
        raise CheckpointError(
            f"no file {missing[0]}, nor {len(missing) - 1} others, and all their tensors in other files, "
            f"such as {shown(others[0])}",
            where=INDEX,
            expected="the index of the files that are there: this one is stale",
            remedy=f"remove {INDEX}, or download that of these files: without one, all shards are read",
        )


def _unnamed(forms: Forms, index: dict[str, str] | None) -> Iterator[str]:
    """Return a note on tensors that the index does not name: vLLM loads every tensor of a file that the index names."""
    extra = list(islice(forms, len(index), None)) if index is not None else []
    if extra:
        more = f"{len(extra)} tensors" if len(extra) > 1 else "one tensor"
        yield (
            f"{more} in the shards that the index does not name, such as {shown(extra[0])}: vLLM loads them with their "
            "file all the same"
        )


def _notes(directory: Path, used: set[str]) -> Iterator[str]:
    """Return notes on weight files beside the ones that are read."""
    others = [name for name in _names(directory, "*.safetensors") if name not in used]
    consolidated = [name for name in others if name.startswith("consolidated")]
    if consolidated:
        yield (
            f"{len(consolidated)} consolidated*.safetensors left out: the same weights in the layout of the publisher; "
            "pass --load-format safetensors to vllm serve, as with auto vLLM loads these where they are there"
        )
    elif any(name.startswith("consolidated") for name in used):
        yield (
            "only consolidated*.safetensors: the layout of the publisher, which vLLM loads with --load-format mistral "
            "--config-format mistral --tokenizer-mode mistral; for this config.json, convert the weights"
        )
    rest = len(others) - len(consolidated)
    if rest:
        example = next(name for name in others if name not in consolidated)
        files = "safetensors file" if rest == 1 else "safetensors files"
        yield f"{rest} {files} left out that the index does not name, such as {shown(example)}"
    pickled = _names(directory, "*.bin")
    if pickled:
        yield f"{len(pickled)} .bin files left out, such as {shown(pickled[0])}"


def _disagree(directory: Path, names: list[str], index: dict[str, str] | None) -> NoReturn:
    """Report what is wrong between the shards: they are read again, because that needs other tables.

    Raises:
        CheckpointError: always.
    """
    found: dict[str, str] = {}
    for shard in names:
        for name in read_shard(directory / shard).forms:
            if name in found:
                raise CheckpointError(
                    f"the tensor {shown(name)} a second time",
                    where=shard,
                    expected=f"it in {found[name]} only",
                    remedy="remove the shards that do not belong to this checkpoint"
                    + (EVERY_FILE if index is None else ""),
                )
            found[name] = shard
    name, shard = next((name, shard) for name, shard in (index or {}).items() if found.get(name) != shard)
    where = f"in {found[name]}" if name in found else "in no shard"
    raise CheckpointError(f"the tensor {shown(name)} {where}", where=INDEX, expected=f"it in {shard}", remedy=REMEDY)
