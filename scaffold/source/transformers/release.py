"""The release of transformers that modeling source asks for, to choose between bodies that it has for several.

What config.json states is the release that the checkpoint was saved by, which its source was run under. Where nothing
is stated, a reading is carried out under `RELEASES`, as if before and after all that source may ask for.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.meanwhile import meanwhile
from scaffold.source.python.objects import External
from scaffold.source.transformers.config_defaults import BASE_NAMES

RELEASES = ("0.0.0", "999.0.0")
"""Before and after every release."""


@dataclass
class Release:
    """A release that source is read under.

    Attributes:
        number: as ``transformers.__version__`` has it.
        asked: whether the source has asked for it.
    """

    number: str
    asked: bool = False


_RELEASE: ContextVar[Release | None] = ContextVar("release", default=None)


def under(number: str) -> AbstractContextManager[Release]:
    """Read source under a release meanwhile."""
    return meanwhile(_RELEASE, Release(number))


def is_dataclass(interpreter: object, cls: Any) -> bool:
    """Return whether a class is a dataclass, as the base of configs is from transformers 5 on.

    Raises:
        NotUnderstood: it is another one than the base of configs.
    """
    if not (isinstance(cls, External) and cls.name in BASE_NAMES):
        raise NotUnderstood("whether a class is a dataclass")
    return int(version().partition(".")[0]) >= 5


def version() -> str:
    """Return ``transformers.__version__``, and note that it was asked for; outside of a reading, the first one."""
    release = _RELEASE.get() or Release(RELEASES[0])
    release.asked = True
    return release.number
