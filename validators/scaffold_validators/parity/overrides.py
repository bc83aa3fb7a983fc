"""What a server was told of its config: ``--hf-overrides``, which its reference has to be told, too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

OPTION = "--hf-overrides"


def overrides_in(arguments: Sequence[str]) -> dict[str, Any]:
    """Return what the arguments of ``vllm serve`` say of the config; as in its parser the last one counts.

    Raises:
        ValueError: they say it in a form that is not read here.
    """
    found: dict[str, Any] = {}
    for word, following in zip(arguments, (*arguments[1:], "")):
        name, equals, value = word.partition("=")
        option, dot, _ = name.partition(".")
        if option.replace("_", "-") != OPTION:
            continue
        if dot:
            raise ValueError(f"{name} is not read here: say it as {OPTION} with an object")
        found = _parsed(value if equals else following)
    return found


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{OPTION} {text!r:.80} is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise ValueError(f"{OPTION} {text!r:.80} is no object")
    return found
