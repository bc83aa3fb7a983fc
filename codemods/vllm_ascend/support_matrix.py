"""A model in vllm-ascend's support matrix.

The page has a table per heading and, since 0.23, per tab with a product line: MyST tabs up to 0.23, mkdocs' since. A
model has a separate row in each of these tables, beside its family.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.cells import cells_of, markdown_text
from codemods.entries.entry_list import Entry, EntryList, each_table, entry_codemod
from codemods.entries.kinds.markdown_table import MarkdownTable
from codemods.entries.orders import beside_family

if TYPE_CHECKING:
    from collections.abc import Mapping

WHERE = "docs/source/user_guide/support_matrix/supported_models.md"


def _entry(arguments: Mapping[str, str]) -> Entry:
    table = " > ".join(part for part in (arguments["table"], arguments["tab"]) if part)
    return Entry(markdown_text(arguments["model"], "model"), cells_of(arguments["cells"], "cells"), table)


_BEFORE = """\
# Supported Models

## Text-Only Language Models

### Generative Models

#### Core Supported Models

=== "Ascend 950 Products"

    | Model | Support | Note | BF16 | Doc |
    |-------|---------|------|------|-----|
    |Alder-7B|✅||✅|[Alder](../../tutorials/models/Alder.md)|

=== "A2/A3"

    | Model                | Support | BF16 | max-model-len |
    |----------------------|---------|------|---------------|
    | Alder-7B             | ✅      | ✅   | 128k          |
    | Willow-7B            | 🔵      |      |               |

#### Extended Compatible Models

| Model     | Support | Note                 |
|-----------|---------|----------------------|
| Thorn     | 🔵      |                      |
"""
_ALDER = {"model": "Alder-30B", "table": "Text-Only > Core", "tab": "A2/A3"}

ROW = EntryList(
    name="ascend-support-matrix",
    summary="list a model in vllm-ascend's support matrix",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/docs/source/user_guide/support_matrix/supported_models.md",
    tree="vllm-ascend",
    files=(WHERE,),
    kind=MarkdownTable("Model"),
    order=beside_family,
    entry=_entry,
    parameters=(
        Parameter("model", "the column Model, such as Cedar-7B"),
        Parameter("table", "the headings above the table, such as Text-Only > Generative > Core"),
        Parameter("tab", "the product line's tab, such as A2/A3, if the table has tabs", ""),
        Parameter("cells", "the known columns, such as Support=✅; BF16=✅; max-model-len=128k", ""),
    ),
    examples=(
        Example(
            {**_ALDER, "cells": "Support=✅; max-model-len=64k"},
            _BEFORE,
            _BEFORE.replace(
                "128k          |\n",
                "128k          |\n    | Alder-30B            | ✅      |      | 64k           |\n",
            ),
        ),
        # The same model in another tab; the table writes cells without blanks.
        Example(
            {**_ALDER, "tab": "Ascend 950", "cells": "Support=🔵"},
            _BEFORE,
            _BEFORE.replace("Alder.md)|\n", "Alder.md)|\n    |Alder-30B|🔵||||\n"),
        ),
        Example(
            {"model": "Rose", "table": "Extended", "cells": "Note=In part"},
            _BEFORE,
            _BEFORE + "| Rose      |         | In part              |\n",
        ),
        Example({**_ALDER, "model": "Willow-7B", "cells": "Support=🔵"}, _BEFORE, _BEFORE),
        RefusedExample({**_ALDER, "model": "Willow-7B", "cells": "Support=✅"}, _BEFORE, "is listed already, as"),
        RefusedExample({**_ALDER, "tab": ""}, _BEFORE, "may be 2 tables"),
        RefusedExample({**_ALDER, "tab": "A7"}, _BEFORE, "no table Text-Only > Core > A7"),
        RefusedExample({**_ALDER, "cells": "W8A8=✅"}, _BEFORE, "no column is named W8A8"),
        RefusedExample({**_ALDER, "model": "A | B"}, _BEFORE, "model"),
    ),
    scope=each_table,
)

CODEMOD = entry_codemod(ROW)
