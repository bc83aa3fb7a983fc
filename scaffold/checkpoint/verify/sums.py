"""SHA-256 sums in a checkpoint: in checksum files, in Hugging Face's metadata, or in its cache's file names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scaffold.checkpoint.files import has_file, read_bytes

LISTS = ("SHA256SUMS", "SHA256SUMS.txt", "sha256sums.txt", "sha256sum.txt", "checksums.sha256")
METADATA = Path(".cache", "huggingface", "download")
"""``huggingface-cli download --local-dir``: commit, etag and time; the etag of a large file is its SHA-256."""
MAX_BYTES = 4_000_000
_SUM = re.compile(r"[0-9a-fA-F]{64}")
_LINE = re.compile(r"^([0-9a-fA-F]{64})[ \t]+\*?(?:\./)?([^\r\n]+?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Expected:
    """A sum that the checkpoint states, and where it was found."""

    sha256: str
    where: str


def expected_sums(directory: Path, shards: Iterable[str]) -> dict[str, Expected]:
    """Return shard → the sum that the checkpoint states for it, for the shards that have one.

    Raises:
        CheckpointError: a checksum file is a link that leaves the checkpoint, or too large.
    """
    listed: dict[str, Expected] = {}
    for name in LISTS:
        if has_file(directory, name):
            for digest, shard in _LINE.findall(_text(directory, name)):
                listed[shard] = Expected(digest.lower(), name)
    found = {}
    for shard in shards:
        own = listed.get(shard) or _beside(directory, shard) or _metadata(directory, shard) or _blob(directory, shard)
        if own is not None:
            found[shard] = own
    return found


def _beside(directory: Path, shard: str) -> Expected | None:
    name = f"{shard}.sha256"
    if not has_file(directory, name):
        return None
    digest = _SUM.match(_text(directory, name).strip())
    return Expected(digest.group().lower(), name) if digest else None


def _metadata(directory: Path, shard: str) -> Expected | None:
    folder, name = directory / METADATA, f"{shard}.metadata"
    if not has_file(folder, name):
        return None
    lines = _text(folder, name).split()
    etag = lines[1].strip('"') if len(lines) > 1 else ""
    return Expected(etag.lower(), f"{METADATA}/{name}") if _SUM.fullmatch(etag) else None


def _blob(directory: Path, shard: str) -> Expected | None:
    """Return the name of the blob that a link of Hugging Face's cache ends in: that of a large file is its SHA-256."""
    path = directory / shard
    if not path.is_symlink():
        return None
    target = Path(os.path.realpath(path))
    in_cache = target.parent.name == "blobs" and _SUM.fullmatch(target.name)
    return Expected(target.name.lower(), f"blobs/{target.name}") if in_cache else None


def _text(directory: Path, name: str) -> str:
    return read_bytes(directory, name, "a file of SHA-256 sums", MAX_BYTES).decode("utf-8", "replace")
