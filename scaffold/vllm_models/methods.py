"""Methods of texts, lists and dictionaries that model files call while they make their modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scaffold.source.python import bounds
from scaffold.source.python.errors import NotUnderstood
from scaffold.vllm_models.values import Choice, Unknown

OF_TEXT = frozenset({"split", "rsplit", "startswith", "endswith", "replace", "removeprefix", "removesuffix", "lower",
                     "upper", "strip", "count", "partition", "rpartition", "isdigit"})  # fmt: skip
OF_LIST = frozenset({"append", "extend", "index", "count"})
OF_DICT = frozenset({"get", "items", "keys", "values", "update"})
LISTED = frozenset({"items", "keys", "values"})


def call(
    owner: str | list[Any] | dict[Any, Any], name: str, given: Sequence[Any], named: Mapping[str, Any]
) -> tuple[Any] | None:
    """Return the outcome in a tuple of one; None if the method is not among those that are known.

    What is put into a list or a dictionary may be unknown; all else has to be known.
    """
    known = OF_TEXT if isinstance(owner, str) else OF_LIST if isinstance(owner, list) else OF_DICT
    if name not in known:
        return None
    keeps = isinstance(owner, list) and name == "append"
    unsure = [item for item in (*given, *named.values()) if isinstance(item, Unknown | Choice)]
    if unsure and not keeps:
        return (Unknown(f"{name}() of what is not known"),)
    try:
        bounds.walked((owner, *given))
        outcome = getattr(owner, name)(*given, **named)
    except (NotUnderstood, TypeError, ValueError, LookupError, OverflowError, MemoryError):
        return (Unknown(f"{name}()"),)
    return (list(outcome) if name in LISTED and isinstance(owner, dict) else outcome,)
