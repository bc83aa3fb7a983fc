"""A long list of numbers is computed once for the numbers that it is made of."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from scaffold.source.interpreter import Interpreter
from scaffold.source.python.repeated import LONG, key_of
from scaffold.source.python.syntax import SourceFile

SOURCE = """
import math

class Table:
    def __init__(self, base, count):
        self.base, self.count = base, count

    def numbers(self):
        made = [math.log(n, self.base) if n > self.base else 1 for n in range(1, self.count)]
        made[0] += 1
        return made
"""


def test_it_is_computed_once_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "modeling_table.py"
    path.write_text(SOURCE)
    interpreter = Interpreter(lambda file, dotted: None)
    table = interpreter.source_class(SourceFile.parse(path), "Table")

    def numbers(base: int, count: int) -> tuple[list[float], int]:
        before = interpreter.steps
        made = interpreter.instantiate(table, [base, count], {})
        return interpreter.call(interpreter.attribute(made, "numbers"), [], {}, ""), interpreter.steps - before

    first, steps = numbers(100, 2 * LONG)
    again, fewer = numbers(100, 2 * LONG)
    assert first == again
    assert first[0] == 2
    assert steps > 2 * LONG > 100 > fewer
    other, more = numbers(200, 2 * LONG)
    assert other != first
    assert more == steps
    assert numbers(100, 9)[0] == first[:8]


@pytest.mark.parametrize(
    ("text", "is_known"),
    [
        ("[n * a for n in range(b)]", True),
        ("[math.sqrt(n) for n in range(b)]", True),
        ("[n for n in range(b) if n]", False),
        ("[n + m for n in range(b) for m in range(b)]", False),
        ("[x for n in range(b)]", False),
        ("[f(n) for n in range(b)]", False),
        ("[n.real for n in range(b)]", False),
        ("[[n] for n in range(b)]", False),
        ("[math.log(n, base=a) for n in range(b)]", False),
    ],
)
def test_of_numbers_and_arithmetic_alone(text: str, is_known: bool) -> None:
    from scaffold.source.python.objects import External

    names: dict[str, Any] = {"a": 2, "b": 5, "x": [1], "f": print, "range": range}

    def value(node: ast.expr) -> Any:
        return External(ast.unparse(node)) if isinstance(node, ast.Attribute) else names[ast.unparse(node)]

    node = ast.parse(text, mode="eval").body
    assert isinstance(node, ast.ListComp)
    assert (key_of(node, value) is not None) is is_known
