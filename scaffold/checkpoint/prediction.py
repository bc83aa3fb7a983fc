"""Layers for multi-token prediction: what the config promises, and whether the tensors are there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.checkpoint.patterns import Pattern
from scaffold.vocabulary.lookup import at, spellings

MODULES = ("mtp", "mtp_layers", "nextn", "eh_proj", "enorm", "hnorm", "mtp_block")
"""What modules of such layers are called."""
_TENSORS = re.compile(rf"(^|\.)({'|'.join(MODULES)})(\.|$)")


def promise(text_config: Mapping[str, Any]) -> tuple[str | None, int]:
    """Return the key that promises layers for multi-token prediction, None if none does, and their number."""
    key = next((key for key in spellings("mtp_layers") if type(at(text_config, key)) is int), None)
    return key, at(text_config, key) if key else 0


def facts(text_config: Mapping[str, Any], patterns: Sequence[Pattern]) -> Iterator[Fact]:
    """Yield one fact, with a disagreement in it where config and tensors do not say the same."""
    key, promised = promise(text_config)
    found = [p for p in patterns if _TENSORS.search(p.name)]
    evidence = [Evidence("config", key, str(promised))] if key else []
    evidence += [Evidence("tensor", p.name, f"{p.count} of them") for p in found[:2]]
    if promised and found:
        value = f"{promised} layer{'s' if promised > 1 else ''}, its tensors are there"
    elif promised:
        value = f"{promised} by the config, and no tensor of it"
    elif found:
        value = "tensors of it, and the config does not promise any layer"
    else:
        value = "none"
    yield Fact("multi-token prediction", value, tuple(evidence))
