"""A model or data set that vllm-ascend's test machines download."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.kinds.json_list import JsonList
from codemods.entries.orders import behind_owner
from codemods.text.names import hub_path, one_of

if TYPE_CHECKING:
    from collections.abc import Mapping

WHERE = ".github/workflows/misc/model_dataset_list.json"
OLDER = ".github/workflows/misc/model_list.json"
"""Of 0.18."""
DEVICES = ("", "a2", "a3", "a5", "310p")


def _entry(arguments: Mapping[str, str]) -> Entry:
    table = one_of(arguments["list"], ("models", "datasets"), "list")
    device = one_of(arguments["device"], DEVICES, "device")
    return Entry(hub_path(arguments["name"], "name"), None, f"{table} > {device}" if device else table)


_BEFORE = """\
{
    "models": [
      "shrubs/Thorn-7B",
      "trees/Alder-7B",
      "trees/Willow-7B"
    ],
    "datasets": [
      "trees/rings"
    ]
  }
"""

_BY_DEVICE = """\
{
    "models": {
        "a2": [
            "trees/Alder-7B"
        ],
        "a3": [
            "trees/Willow-7B"
        ]
    },
    "datasets": [
        "trees/rings"
    ]
}
"""

ROW = EntryList(
    name="ascend-dataset-list",
    summary="make vllm-ascend's test machines download a model or a data set",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/.github/workflows/misc/model_dataset_list.json",
    tree="vllm-ascend",
    files=(WHERE, OLDER),
    kind=JsonList(),
    order=behind_owner,
    entry=_entry,
    parameters=(
        Parameter("name", "its name on ModelScope, such as trees/Cedar-7B"),
        Parameter("list", "models or datasets", "models"),
        Parameter("device", "the machines that fetch it, such as a2, if the file has several lists (since 0.28)", ""),
    ),
    examples=(
        Example(
            {"name": "trees/Alder-30B"},
            _BEFORE,
            _BEFORE.replace('"trees/Willow-7B"\n', '"trees/Willow-7B",\n      "trees/Alder-30B"\n'),
        ),
        Example(
            {"name": "trees/leaves", "list": "datasets"},
            _BEFORE,
            _BEFORE.replace('"trees/rings"\n', '"trees/rings",\n      "trees/leaves"\n'),
        ),
        Example(
            {"name": "shrubs/Rose/TP1/Rose-7B"},
            _BEFORE,
            _BEFORE.replace('"shrubs/Thorn-7B",\n', '"shrubs/Thorn-7B",\n      "shrubs/Rose/TP1/Rose-7B",\n'),
        ),
        Example({"name": "trees/Willow-7B"}, _BEFORE, _BEFORE),
        Example(
            {"name": "trees/Cedar", "device": "a3"},
            _BY_DEVICE,
            _BY_DEVICE.replace('"trees/Willow-7B"\n', '"trees/Willow-7B",\n            "trees/Cedar"\n'),
        ),
        Example(
            {"name": "trees/leaves", "list": "datasets"},
            _BY_DEVICE,
            _BY_DEVICE.replace('"trees/rings"\n', '"trees/rings",\n        "trees/leaves"\n'),
        ),
        RefusedExample({"name": "trees/Cedar"}, _BY_DEVICE, "models may be 2 tables"),
        RefusedExample({"name": "trees/rings"}, _BEFORE, "is listed already, as"),
        RefusedExample({"name": 'trees/x"'}, _BEFORE, "name"),
        RefusedExample({"name": "trees/x"}, "{", "line 1"),
        RefusedExample({"name": "trees/x"}, "{}", "no list of strings"),
    ),
)

CODEMOD = entry_codemod(ROW)
