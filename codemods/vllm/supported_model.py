"""An architecture in the tables of vLLM's page of supported models.

The page has a table under each of its headings; the tables follow the registry's order, see
`codemods.vllm.registry_entry`. Models for pooling have pages of their own since 0.19.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.cells import cells_of, markdown_text
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.kinds.markdown_table import MarkdownTable
from codemods.entries.orders import by_architecture
from codemods.text.names import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping


def _under_heading(table: str) -> str:
    """Say that the tables under one heading belong together; a model may serve several tasks, each with its own."""
    return re.sub(r" \(\d+\)$", "", table)


WHERE = "docs/models/{page}.md"


def _entry(arguments: Mapping[str, str]) -> Entry:
    cells = cells_of(arguments["cells"], "cells")
    cells |= {"Models": markdown_text(arguments["models"], "models")}
    if arguments["examples"]:
        cells |= {"Example HF Models": markdown_text(arguments["examples"], "examples")}
    return Entry(identifier(arguments["architecture"], "architecture"), cells, arguments["table"])


_BEFORE = """\
# Supported Models

## Text-only Models

### Text Generation

| Architecture | Models | Example HF Models | [LoRA](../features/lora.md) | [PP](../serving/pp.md) |
| ------------ | ------ | ----------------- | --------------------------- | ---------------------- |
| `AlderForCausalLM` | Alder | `trees/alder-7b`, etc. | ✅︎ | ✅︎ |
| `WillowForCausalLM` | Willow | `trees/willow-7b` | | ✅︎ |

Some are served by another backend.

| Architecture | Models | Example HF Models | [LoRA](../features/lora.md) | [PP](../serving/pp.md) |
| ------------ | ------ | ----------------- | --------------------------- | ---------------------- |
| `ThornForCausalLM` | Thorn | `trees/thorn-7b` | ✅︎ | ✅︎ |

## Multimodal Models

### Text Generation

| Architecture | Models | Inputs | Example HF Models |
| ------------ | ------ | ------ | ----------------- |
| `ElmForConditionalGeneration`, `ElmModel` | Elm-VL | T + I<sup>+</sup> | `trees/elm-vl` |
"""
_CEDAR = {"architecture": "CedarForCausalLM", "models": "Cedar", "examples": "`trees/cedar-7b`, etc."}
_TEXT = "Text-only > Text Generation"
_ROW = "| `CedarForCausalLM` | Cedar | `trees/cedar-7b`, etc. | ✅︎ | |\n"

ROW = EntryList(
    name="vllm-supported-model",
    summary="list an architecture on vLLM's page of supported models",
    upstream="https://github.com/vllm-project/vllm/blob/main/docs/models/supported_models.md",
    tree="vllm",
    files=(WHERE,),
    kind=MarkdownTable("Architecture", is_code=True),
    order=by_architecture,
    entry=_entry,
    parameters=(
        Parameter("architecture", "the name in `architectures` of config.json"),
        Parameter("models", "the column Models, such as Cedar"),
        Parameter("examples", "the column Example HF Models, such as `trees/cedar-7b`, etc.", ""),
        Parameter("cells", "further columns, such as LoRA=✅︎; PP=✅︎; Inputs=T + I<sup>+</sup>", ""),
        Parameter("table", "the headings above the table, such as Multimodal > Text Generation", ""),
        Parameter("page", "supported_models, or pooling_models/embed …", "supported_models"),
    ),
    examples=(
        Example(
            {**_CEDAR, "cells": "LoRA=✅︎", "table": _TEXT}, _BEFORE, _BEFORE.replace("| `Willow", _ROW + "| `Willow")
        ),
        # A further table under the same heading has a number.
        Example(
            {**_CEDAR, "cells": "LoRA=✅︎", "table": "Text-only > Text Generation (2)"},
            _BEFORE,
            _BEFORE.replace("| `Thorn", _ROW + "| `Thorn"),
        ),
        Example(
            {**_CEDAR, "architecture": "ThornForCausalLM", "table": "Text-only > Text Generation", "replace": "yes"},
            _BEFORE,
            _BEFORE.replace("| `ThornForCausalLM` | Thorn | `trees/thorn-7b` | ✅︎ | ✅︎ |\n", "").replace(
                "| `Willow", "| `ThornForCausalLM` | Cedar | `trees/cedar-7b`, etc. | | |\n| `Willow"
            ),
        ),
        RefusedExample({**_CEDAR, "architecture": "WillowForCausalLM"}, _BEFORE, "is listed already, as"),
        RefusedExample({**_CEDAR, "architecture": "ElmModel", "table": "Multimodal"}, _BEFORE, "is listed already, as"),
        RefusedExample({**_CEDAR, "table": "Text Generation"}, _BEFORE, "may be 3 tables"),
        RefusedExample(_CEDAR, _BEFORE, "has 3 tables, and none is named"),
        RefusedExample({**_CEDAR, "cells": "Colour=red", "table": _TEXT}, _BEFORE, "no column is named Colour"),
        RefusedExample({**_CEDAR, "models": "Cedar | Elm"}, _BEFORE, "models"),
        RefusedExample(_CEDAR, "# Supported Models\n", "no table has the column Architecture"),
    ),
    scope=_under_heading,
    is_table_asked=True,
)

CODEMOD = entry_codemod(ROW)
