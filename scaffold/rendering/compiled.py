"""Templates of cookiecutter, compiled once in a process: it makes a new environment for every rendering."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import BytecodeCache


@cache
def compiled_templates() -> BytecodeCache:
    """Return the cache that all renderings share; Jinja compares a digest of the source before it takes anything."""
    from jinja2 import BytecodeCache
    from jinja2.bccache import Bucket

    class InMemory(BytecodeCache):
        def __init__(self) -> None:
            self._kept: dict[tuple[str, str], bytes] = {}

        def load_bytecode(self, bucket: Bucket) -> None:
            kept = self._kept.get((bucket.key, bucket.checksum))
            if kept is not None:
                bucket.bytecode_from_string(kept)

        def dump_bytecode(self, bucket: Bucket) -> None:
            self._kept[bucket.key, bucket.checksum] = bucket.bytecode_to_string()

    return InMemory()
