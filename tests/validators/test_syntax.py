"""The nodes of a text are those of Python's own walk, but for marks that have no place in it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from scaffold_validators.syntax import below, nodes

MARKS = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)
TEXTS = {
    "this test": Path(__file__).read_text(),
    "all kinds": "async def f(a, /, *b: int, c=1, **d):\n    x: int = -a if a < b[1:2] else {**d, 'k': [*b]}\n"
    "    try:\n        return (yield lambda q: not q and 1 @ 2)\n    except (A, B) as e:\n        raise e from None\n"
    "    match x:\n        case {'k': [1, *_], **rest} if rest:\n            del x\n    return f'{a!r:>{b}}'\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_they_come_in_the_order_of_pythons_own(name: str) -> None:
    tree = ast.parse(TEXTS[name])
    assert list(below(tree)) == [node for node in ast.walk(tree) if not isinstance(node, MARKS)]


def test_a_text_is_parsed_once() -> None:
    assert nodes("x = 1\n") is nodes("x = 1\n")
    with pytest.raises(SyntaxError):
        nodes("x = \n")
