"""What to do about a failure that nobody knows: read its lines, and serve without the part that it was raised in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from scaffold_validators.records import structure

TABLE = Path(__file__).with_name("parts.yaml")
MEANING = "a failure that is not in the list"
READ = "read the lines named below, from the first on"
IN_CHINESE = {MEANING: "未收录的故障", READ: "从第一行开始，阅读下面列出的日志"}


@dataclass(frozen=True)
class Part:
    """A part of vLLM or vllm-ascend that a server can do without.

    Attributes:
        path: a regular expression over the place of a frame, ``path:line in function``.
        isolate: how to serve without it.
        chinese: the same in Chinese.
    """

    path: str
    isolate: str
    chinese: str


@lru_cache(maxsize=1)
def parts() -> tuple[Part, ...]:
    """Return all parts.

    Raises:
        ValueError: a row does not fit.
    """
    import yaml

    return structure(yaml.safe_load(TABLE.read_text(encoding="utf-8")), tuple[Part, ...], TABLE.name)


def to_do(frame: str) -> str:
    """Return what to do about an unknown failure whose last frame this is; the frame may be empty."""
    part = next((part for part in parts() if re.search(part.path, frame)), None)
    return READ if part is None else f"{READ}; {part.isolate}"


def in_chinese() -> dict[str, str]:
    """Return what is said of unknown failures in English → the same in Chinese."""
    return IN_CHINESE | {f"{READ}; {part.isolate}": f"{IN_CHINESE[READ]}；{part.chinese}" for part in parts()}
