"""A page's English and Chinese title in the documentation's title hook."""

from __future__ import annotations

import re

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.refusal import Refusal
from codemods.text.dict_literal import find_dict
from codemods.text.names import relative_path, string_literal
from codemods.text.python_text import INDENT, bracketed
from codemods.text.tree_style import Style

WHERE = "docs/hooks/nav_titles.py"


def nav_title(text: str, *, page: str, english: str, chinese: str, style: Style) -> str:
    """Add ``"page": {"en": english, "zh": chinese}`` to ``TITLES``, sorted by path.

    Raises `Refusal` if the page has other titles already.
    """
    relative_path(page, "page", ".md")
    titles = find_dict(text, "TITLES", WHERE)
    items = [
        f'"en": {string_literal(english, "english")}',
        f'"zh": {string_literal(chinese, "chinese")}',
    ]
    known = titles.value(page)
    if known is not None:
        if re.sub(r",?\s+", " ", known).strip("{} ") == " ".join(items):
            return text
        raise Refusal(
            f"{page} has the titles {known}",
            where=f"TITLES in {WHERE}",
            expected=f"no entry, or {{{', '.join(items)}}}",
            remedy="change the titles there by hand, or keep them",
        )
    source = bracketed(f'"{page}": {{', items, "},", width=style.line_length, indent=INDENT)
    source = source.removeprefix(f'"{page}": ').removesuffix(",")
    return titles.insert(page, source, str)


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

CODEMOD = Codemod(
    name="nav-title",
    summary="give a tutorial its English and Chinese title (vllm-ascend main)",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/docs/hooks/nav_titles.py",
    tree="vllm-ascend",
    targets=(WHERE,),
    parameters=(
        Parameter("page", "the tutorial's path below docs/source"),
        Parameter("english", "the title on the English site"),
        Parameter("chinese", "the title on the Chinese site"),
    ),
    transform=nav_title,
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
