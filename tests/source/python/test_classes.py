"""Classes are asked in the order in which Python asks them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.source.interpreter import Interpreter
from scaffold.source.python.classes import assigned, functions, resolution_order
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import SourceFile
from scaffold.source.transformers.imports import resolve

HIERARCHIES = st.lists(st.lists(st.integers(0, 6), unique=True, max_size=3), min_size=1, max_size=7)
"""For each class in turn: which of the earlier classes are its bases."""


@given(HIERARCHIES)
def test_the_order_is_that_of_python(hierarchy: list[list[int]]) -> None:
    bases: dict[str, list[str]] = {}
    made: dict[str, type] = {}
    for number, chosen in enumerate(hierarchy):
        name = f"C{number}"
        bases[name] = [f"C{one}" for one in chosen if f"C{one}" in made]
        found = resolution_order(name, bases.__getitem__)
        try:
            made[name] = type(name, tuple(made[base] for base in bases[name]), {})
        except TypeError:  # Python does not make such a class either
            assert found is None
        else:
            assert found == tuple(cls.__name__ for cls in made[name].__mro__[:-1])


def test_a_class_among_its_own_ancestors_has_no_order() -> None:
    assert resolution_order("A", {"A": ["B"], "B": ["A"]}.__getitem__) is None


BODY = """
class C:
    x: int
    y: int = 2
    z = w = 3
    def f(self): ...
    @f.setter
    def f(self, value): ...
"""


def test_what_a_class_body_defines() -> None:
    node = ast.parse(BODY).body[0]
    assert isinstance(node, ast.ClassDef)
    assert assigned(node, "x") is None
    assert [ast.unparse(found) for name in "yzw" if (found := assigned(node, name))] == ["2", "3", "3"]
    assert [len(function.args.args) for function in functions(node, "f")] == [1, 2]


DIAMOND = """
class Base:
    def who(self):
        return "Base"
class Left(Base):
    def who(self):
        return "Left " + super().who()
class Right(Base):
    def who(self):
        return "Right " + super().who()
class Both(Left, Right):
    pass
def f():
    return Both().who()
"""


def call(tmp_path: Path, body: str) -> object:
    path = tmp_path / "modeling_x.py"
    path.write_text(body)
    interpreter = Interpreter(resolve)
    file = SourceFile.parse(path)
    return interpreter.call(interpreter.global_name(file, "f"), [], {}, "here")


def test_super_follows_the_order_of_the_instance(tmp_path: Path) -> None:
    assert call(tmp_path, DIAMOND) == "Left Right Base"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("class A: ...\nclass B(A): ...\nclass C(A, B): ...\ndef f():\n    return C()", "no consistent order"),
        ("class A(B): ...\nclass B(A): ...\ndef f():\n    return A()", "defined by itself"),
        ("a = b\nb = a\ndef f():\n    return a", "defined by itself"),
    ],
)
def test_classes_that_python_would_not_make(tmp_path: Path, body: str, what: str) -> None:
    with pytest.raises(NotUnderstood, match=what):
        call(tmp_path, body)


PAIR = """
from typing import NamedTuple, Optional

class Given(NamedTuple):
    hidden: list
    kept: Optional[int] = None

def f():
    one, two = Given([1, 2]), Given(hidden=[3], kept=4)
    hidden, kept = one
    return [hidden, kept, two.hidden, two[1], len(two), isinstance(two, Given), isinstance(two, tuple), two == ([3], 4)]

def unknown():
    return Given([1])._replace(kept=2)
"""


def test_a_named_tuple_is_a_tuple_whose_items_have_names(tmp_path: Path) -> None:
    path = tmp_path / "modeling_x.py"
    path.write_text(PAIR)
    interpreter, file = Interpreter(resolve), SourceFile.parse(path)
    found = interpreter.call(interpreter.global_name(file, "f"), [], {}, "here")
    assert found == [[1, 2], None, [3], 4, 2, True, True, True]
    with pytest.raises(NotUnderstood, match="the member '_replace' of the named tuple Given"):
        interpreter.call(interpreter.global_name(file, "unknown"), [], {}, "here")
