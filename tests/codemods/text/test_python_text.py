"""The lines of one statement, cut out of a file: joined, the file is what it was, whatever ends its lines."""

from __future__ import annotations

import ast

import pytest

from codemods.text.python_text import cut

STATEMENTS = (
    "import os  # the first\n",
    'A = {\n    "one": 1,\n}  # a dict\n',
    "B = '''\n\n'''; C = (\n); D = 4\n",
    "E = 5",
)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("odd", ["", "# \x0c \x0b \u2028 \x85 are no ends of lines\n", "\x0c\n"])
def test_a_cut_is_whole_lines(end: str, odd: str) -> None:
    text = (odd + odd.join(STATEMENTS)).replace("\n", end)
    firsts = [0, 1, 2, 2, 2, 3]  # of statements that share lines, each is cut with the others
    tree = ast.parse(text)
    for first, statement in zip(firsts, tree.body, strict=True):
        place = cut(text, tree, statement)
        assert place.lines == STATEMENTS[first].replace("\n", end)
        assert place.before + place.lines + place.after == text
