"""Descriptions and tables with random changes, for the comparison with vllm-ascend's own functions."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

WORDS = ("FLOAT", "FLOAT", "W8A8", "W8A8_DYNAMIC", "W4A8_DYNAMIC", "W8A16", "W4A16", "W2A2")
CHANGES = ("word", "gone", "renamed", "kind", "kind gone", "layer")
PACKED = "packed_modules_model_mapping"


def description(before: Mapping[str, Any], rng: random.Random) -> dict[str, Any]:
    """Return a description with one to four random changes."""
    words = dict(before)
    for _ in range(rng.randint(1, 4)):
        weights = [name for name in words if name.endswith(".weight")]
        name = rng.choice(weights)
        ending = ".".join(name.split(".")[-3:])
        change = rng.choice(CHANGES)
        if change == "word":
            words[name] = rng.choice(WORDS)
        elif change == "gone":
            words.pop(name)
        elif change == "renamed":
            words[name.replace(*rng.choice((("model.", ""), (".self_attn.", ".attn."), ("model.", "x.model."))))] = (
                words.pop(name)
            )
        elif change == "kind":
            word = rng.choice(WORDS)
            words |= {one: word for one in weights if one.endswith(ending)}
        elif change == "kind gone":
            words = {one: word for one, word in words.items() if not one.endswith(ending)}
        else:
            number = rng.choice(re.findall(r"\.(\d+)\.", name) or ["0"])
            words = {one: word for one, word in words.items() if f".{number}." not in one}
    return words


def tables(text: str, model_type: str, rng: random.Random) -> str | None:
    """Return the tables with the row of a model type gone, or one of its entries, or a part; None for as they are."""
    row = re.search(rf'^    "{model_type}": {{\n(?:        .*\n)*    }},\n', text, re.MULTILINE)
    choice = rng.randrange(5)
    if row is None or choice < 2:
        return None
    if choice == 2:
        return text.replace(row[0], "")
    if choice == 3:
        entries = re.findall(r'^        "\w+": \[(?:[^\]]*)\],\n', row[0], re.MULTILINE)
        return text.replace(row[0], row[0].replace(rng.choice(entries), "")) if entries else None
    parts = re.findall(r'"(\w+_proj)",', row[0])
    return text.replace(row[0], row[0].replace(f'"{rng.choice(parts)}",', '"other_proj",', 1)) if parts else None
