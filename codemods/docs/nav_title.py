"""A page's English and Chinese title in the documentation's title hook; the table is sorted by path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.kinds.dict_literal import DictLiteral
from codemods.entries.orders import by_path
from codemods.text.names import relative_path, string_literal

if TYPE_CHECKING:
    from collections.abc import Mapping

WHERE = "docs/hooks/nav_titles.py"


def _entry(arguments: Mapping[str, str]) -> Entry:
    english, chinese = (string_literal(arguments[name], name) for name in ("english", "chinese"))
    return Entry(relative_path(arguments["page"], "page", ".md"), f'{{"en": {english}, "zh": {chinese}}}')


_BEFORE = """\
TITLES = {
    "index.md": {"en": "Home", "zh": "首页"},
    "tutorials/models/Birch.md": {"en": "Birch", "zh": "Birch"},
    # Both sizes.
    "tutorials/models/Willow.md": {
        "en": "Willow, which has been given a title that is long enough to be wrapped",
        "zh": "Willow（一个足够长的标题）",
    },
}
"""
_CEDAR = {"page": "tutorials/models/Cedar.md", "english": "Cedar", "chinese": "雪松"}

ROW = EntryList(
    name="nav-title",
    summary="give a tutorial its English and Chinese title (vllm-ascend main)",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/docs/hooks/nav_titles.py",
    tree="vllm-ascend",
    files=(WHERE,),
    kind=DictLiteral("TITLES"),
    order=by_path,
    entry=_entry,
    noun="has the titles",
    parameters=(
        Parameter("page", "the tutorial's path below docs/source"),
        Parameter("english", "the title on the English site"),
        Parameter("chinese", "the title on the Chinese site"),
    ),
    examples=(
        Example(
            _CEDAR,
            _BEFORE,
            _BEFORE.replace(
                "    # Both",
                '    "tutorials/models/Cedar.md": {"en": "Cedar", "zh": "雪松"},\n    # Both',
            ),
        ),
        Example(
            {**_CEDAR, "english": 'The "Cedar"', "chinese": "C" * 60},
            _BEFORE,
            _BEFORE.replace(
                "    # Both",
                '    "tutorials/models/Cedar.md": {\n'
                '        "en": "The \\"Cedar\\"",\n'
                f'        "zh": "{"C" * 60}",\n'
                "    },\n    # Both",
            ),
        ),
        RefusedExample({**_CEDAR, "page": "index.md"}, _BEFORE, 'index.md has the titles {"en": "Home"'),
        RefusedExample({**_CEDAR, "english": 'Cedar"\nimport os'}, _BEFORE, "printable"),
        RefusedExample({**_CEDAR, "page": '"]}.md'}, _BEFORE, "page"),
    ),
    is_styled=True,
)

CODEMOD = entry_codemod(ROW)
