"""A test config in the list of the end-to-end accuracy tests; the list is unsorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.kinds.plain_lines import PlainLines
from codemods.entries.orders import last
from codemods.text.names import file_name

if TYPE_CHECKING:
    from collections.abc import Mapping

WHERE = "tests/e2e/models/configs/accuracy.txt"


def _entry(arguments: Mapping[str, str]) -> Entry:
    return Entry(file_name(arguments["config"], "config", ".yaml"))


ROW = EntryList(
    name="accuracy-list",
    summary="add a model to the end-to-end accuracy tests",
    upstream="https://github.com/vllm-project/vllm-ascend/tree/main/tests/e2e/models/configs",
    tree="vllm-ascend",
    files=(WHERE,),
    kind=PlainLines(),
    order=last,
    entry=_entry,
    parameters=(Parameter("config", "the test config's file name, such as Cedar-7B.yaml"),),
    examples=(
        Example(
            {"config": "Cedar-7B.yaml"},
            "Birch.yaml\nWillow.yaml\n",
            "Birch.yaml\nWillow.yaml\nCedar-7B.yaml\n",
        ),
        Example({"config": "Cedar-7B.yaml"}, "Birch.yaml", "Birch.yaml\nCedar-7B.yaml"),
        Example({"config": "Cedar-7B.yaml"}, "A.yaml\r\n", "A.yaml\r\nCedar-7B.yaml\r\n"),
        Example({"config": "Birch.yaml"}, "Birch.yaml\nYew.yaml\n", "Birch.yaml\nYew.yaml\n"),
        RefusedExample({"config": "../Cedar.yaml"}, "Birch.yaml\n", "config"),
        RefusedExample({"config": "Cedar.yaml\nEvil.yaml"}, "Birch.yaml\n", "config"),
        RefusedExample({"config": "Cedar.txt"}, "Birch.yaml\n", "ending with `.yaml`"),
    ),
)

CODEMOD = entry_codemod(ROW)
