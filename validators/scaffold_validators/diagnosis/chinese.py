"""What failure signatures say in Chinese: the rows of the files in ``chinese/``, by the ids of the signatures."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from scaffold_validators.diagnosis import parts
from scaffold_validators.diagnosis.signatures import signatures
from scaffold_validators.records import structure

FOLDER = Path(__file__).with_name("chinese")


@lru_cache(maxsize=1)
def rows() -> Mapping[str, tuple[str, str]]:
    """Return id of a signature → its meaning and its remedy, in Chinese.

    Raises:
        ValueError: a row does not fit; the message names the file.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it was built
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        found |= structure(yaml.load(text, loader), dict[str, tuple[str, str]], path.name)  # noqa: S506 - safe ones
    return found


@lru_cache(maxsize=1)
def in_chinese() -> Mapping[str, str]:
    """Return what signatures say in English → the same in Chinese."""
    found = parts.in_chinese()
    for signature in signatures():
        if signature.id in rows():
            meaning, remedy = rows()[signature.id]
            found |= {signature.meaning: meaning, signature.remedy: remedy}
    return found
