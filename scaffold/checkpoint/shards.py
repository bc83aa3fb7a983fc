"""Which safetensors files make up a checkpoint, and whether index and shards agree."""

from __future__ import annotations

import re
from pathlib import Path

from scaffold.checkpoint.headers import TensorHeader, read_headers
from scaffold.checkpoint.jsonfile import read_object
from scaffold.errors import CheckpointError

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
_SHARD_NAME = re.compile(r"[^/\\\x00]+\.safetensors")


def read_tensors(directory: Path) -> dict[str, TensorHeader]:
    """Return the headers of all tensors by name.

    The index decides which files belong if there is one; else ``model.safetensors``; else all ``*.safetensors``
    but the ``consolidated*`` ones, which hold the same weights in another layout.

    Raises:
        CheckpointError: a shard is missing, damaged, or outside of the directory; index and shards disagree; a
            tensor is in two shards; there are no safetensors files.
    """
    index = _read_index(directory) if (directory / INDEX).is_file() else None
    names = sorted(set(index.values())) if index is not None else _files(directory)
    tensors: dict[str, TensorHeader] = {}
    for name in names:
        for tensor in read_headers(_shard_path(directory, name)):
            if tensor.name in tensors:
                raise CheckpointError(
                    f"the tensor {tensor.name!r} a second time",
                    where=name,
                    expected=f"it in {tensors[tensor.name].shard} only",
                    remedy="remove the shards that do not belong to this checkpoint",
                )
            tensors[tensor.name] = tensor
    if index is not None:
        _check_index(index, tensors)
    return tensors


def _read_index(directory: Path) -> dict[str, str]:
    weight_map = read_object(directory / INDEX, "the index of the shards").get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(
            "no weight_map",
            where=INDEX,
            expected="an object from tensor names to shard names",
            remedy="download the index again",
        )
    for tensor, shard in weight_map.items():
        if not isinstance(shard, str) or not _SHARD_NAME.fullmatch(shard):
            raise CheckpointError(
                f"the shard name {shard!r} of {tensor!r}"[:300],
                where=INDEX,
                expected="the name of a .safetensors file in the same directory",
                remedy="download the index again; do not use a checkpoint from an unknown source",
            )
    return weight_map


def _files(directory: Path) -> list[str]:
    if (directory / SINGLE).is_file():
        return [SINGLE]
    names = sorted(p.name for p in directory.glob("*.safetensors"))
    names = [n for n in names if not n.startswith("consolidated")] or names
    if not names:
        bins = sorted(p.name for p in directory.glob("*.bin"))
        raise CheckpointError(
            f"no safetensors files{f', only {bins[0]} and its like' if bins else ''}",
            where=str(directory),
            expected=f"{SINGLE}, or shards with {INDEX}",
            remedy="convert the weights to safetensors; pickled .bin files are not read, as loading one runs code"
            if bins
            else "pass the directory that holds the weights",
        )
    return names


def _shard_path(directory: Path, name: str) -> Path:
    path = directory / name
    if not path.is_file():
        raise CheckpointError(
            f"no file {name}",
            where=str(directory),
            expected=f"all shards that {INDEX} names",
            remedy="download the missing shard",
        )
    return path


def _check_index(index: dict[str, str], tensors: dict[str, TensorHeader]) -> None:
    for name, shard in index.items():
        if name not in tensors or tensors[name].shard != shard:
            found = f"in {tensors[name].shard}" if name in tensors else "in no shard"
            raise CheckpointError(
                f"the tensor {name!r} {found}",
                where=INDEX,
                expected=f"it in {shard}",
                remedy="download index and shards again, from one revision",
            )
    extra = sorted(tensors.keys() - index.keys())
    if extra:
        raise CheckpointError(
            f"{len(extra)} tensors in the shards that the index does not name, such as {extra[0]!r}",
            where=INDEX,
            expected="every tensor of the shards",
            remedy="download index and shards again, from one revision",
        )
