"""The Chinese translation of a text of vllm-ascend's documentation, in the catalogue of its page.

A page that has no catalogue yet gets one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.kinds.po_catalogue import HEADER, PoCatalogue
from codemods.entries.orders import last
from codemods.text.names import one_line, relative_path

if TYPE_CHECKING:
    from collections.abc import Mapping

WHERE = "docs/source/locale/zh_CN/LC_MESSAGES/{catalogue}"


def _entry(arguments: Mapping[str, str]) -> Entry:
    relative_path(arguments["catalogue"], "catalogue", ".po")
    return Entry(one_line(arguments["english"], "english"), one_line(arguments["chinese"], "chinese"))


_BEFORE = """\
# Licence of the trees.
#
msgid ""
msgstr ""
"Language: zh_CN\\n"

msgid "# Alder"
msgstr "# 桤木"

msgid ""
"Alder grows beside water, and where it does, its roots hold the banks of "
"the river."
msgstr "桤木生长在水边。"
"""
_CEDAR = {"catalogue": "tutorials/models/Cedar.po", "english": "# Cedar", "chinese": "# 雪松"}
_LONG = "Cedar grows in the mountains, and where it does, its wood is what ships and temples are made of."

ROW = EntryList(
    name="ascend-catalogue-entry",
    summary="translate a text of vllm-ascend's documentation into Chinese",
    upstream="https://github.com/vllm-project/vllm-ascend/tree/main/docs/source/locale/zh_CN/LC_MESSAGES",
    tree="vllm-ascend",
    files=(WHERE,),
    kind=PoCatalogue(),
    order=last,
    entry=_entry,
    parameters=(
        Parameter("catalogue", "the page's catalogue, such as tutorials/models/Cedar-7B.po"),
        Parameter("english", "the text as on the page, including its markup, such as # Cedar-7B"),
        Parameter("chinese", "its translation, with the same markup"),
    ),
    examples=(
        Example(_CEDAR, _BEFORE, _BEFORE + '\nmsgid "# Cedar"\nmsgstr "# 雪松"\n'),
        Example(_CEDAR, "", HEADER + '\nmsgid "# Cedar"\nmsgstr "# 雪松"\n'),
        Example(
            {**_CEDAR, "english": _LONG, "chinese": "雪松"},
            _BEFORE,
            _BEFORE + '\nmsgid ""\n"Cedar grows in the mountains, and where it does, its wood is what ships and "\n'
            '"temples are made of."\nmsgstr "雪松"\n',
        ),
        Example(
            {
                **_CEDAR,
                "english": "Alder grows beside water, and where it does, its roots hold the banks of the river.",
                "chinese": "桤木护岸。",
                "replace": "yes",
            },
            _BEFORE,
            _BEFORE.replace("桤木生长在水边。", "桤木护岸。"),
        ),
        RefusedExample({**_CEDAR, "english": "# Alder"}, _BEFORE, "is translated already, as # 桤木"),
        RefusedExample({**_CEDAR, "catalogue": "../Cedar.po"}, _BEFORE, "catalogue"),
        RefusedExample({**_CEDAR, "chinese": "\n"}, _BEFORE, "chinese"),
    ),
    noun="is translated already, as",
)

CODEMOD = replace(entry_codemod(ROW), creates=True)
