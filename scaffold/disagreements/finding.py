"""A disagreement: what each side says, what follows, and what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scaffold.vocabulary.lookup import spellings

CONFIG, TENSORS = "config", "tensors"
SIDES = (CONFIG, TENSORS)
"""What ``--believe`` takes."""


@dataclass(frozen=True)
class Said:
    """What one side says, and where."""

    where: str
    says: str


@dataclass(frozen=True)
class Disagreement:
    """Two sides of a checkpoint that say different things.

    Attributes:
        kind: a row of ``KINDS``.
        config: what the config says: file and key, value.
        tensors: what the tensors say: names, and their shapes or data types.
        serves: what vLLM would do of it.
        remedy: what to do.
        decides: it decides what is served, so that no strategy holds until the user says which side is right.
        config_fits: the tensors can be served as the config says, by leaving some of them out.
        overrides: what the config has to say for the tensors to be right, as ``--hf-overrides`` of ``vllm serve`` takes
            it; empty where no values are known with which they agree.
        silent: the config does not say it, a default does: then the tensors are right, and that is a note.
        between: what contradicts what, for messages.
        written: ``config.json``, of which overrides replace whole objects.
    """

    kind: str
    config: Said
    tensors: Said
    serves: str = ""
    remedy: str = ""
    decides: bool = False
    config_fits: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)
    silent: bool = False
    between: str = "config and tensors disagree"
    written: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __str__(self) -> str:
        """Return it as one sentence."""
        sentence = f"{self.config.says}, and {self.tensors.says}"
        return f"{sentence}: {self.serves}" if self.serves else sentence

    @property
    def answers(self) -> tuple[str, ...]:
        """Return the sides that a user can choose."""
        sides = ((CONFIG, self.config_fits), (TENSORS, bool(self.overrides)))
        return tuple(side for side, possible in sides if possible)

    def without(self, side: str) -> Disagreement:
        """Return it without an answer that was tried, and with which nothing can be served."""
        return replace(self, config_fits=False) if side == CONFIG else replace(self, overrides={})

    def document(self) -> dict[str, Any]:
        """Return it as a JSON value."""
        return {
            "kind": self.kind,
            "config": {"where": self.config.where, "says": self.config.says},
            "tensors": {"where": self.tensors.where, "says": self.tensors.says},
            "serves": self.serves,
            "remedy": self.remedy,
            "decides": self.decides and not self.silent,
            "believe": list(self.answers),
            "overrides": whole(self.overrides, self.written),
        }


def joined(overrides: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return overrides as one object; objects in them are joined as well."""
    found: dict[str, Any] = {}
    for one in overrides:
        for key, value in one.items():
            both = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
            found[key] = joined([found[key], value]) if both else value
    return found


def whole(overrides: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return overrides with all of each object that they change.

    vLLM goes into configs that lie in a config; any other object it sets to what is given, so that what is not given
    would be lost, such as the method of a ``quantization_config`` (vllm/config/model.py, ``_apply_dict_overrides``).
    """
    found: dict[str, Any] = {}
    for key, value in overrides.items():
        held = config.get(key)
        if isinstance(value, Mapping) and isinstance(held, Mapping):
            is_config = "model_type" in held or key in spellings("text_config")
            found[key] = whole(value, held) if is_config else joined([held, value])
        else:
            found[key] = value
    return found


def shown(overrides: Mapping[str, Any]) -> str:
    """Return overrides as an argument of ``vllm serve``."""
    return f"--hf-overrides '{json.dumps(overrides)}'"
