"""The language knows libraries by their tables only: one made up here is all that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scaffold.source.python.builtins import LIBRARY as BUILTINS
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.interpreter import Interpreter
from scaffold.source.python.library import Base, Kind, Library, computes, inert, question
from scaffold.source.python.syntax import SourceFile


@dataclass
class Vector:
    numbers: list[float]


def _scaled(interpreter: Any, vector: Vector, factor: float) -> Vector:
    return Vector([factor * number for number in vector.numbers])


LINES = Library(
    packages=("lines",),
    constants={"lines.ORIGIN": Vector([0.0, 0.0])},
    names={"log": inert(), "has_gpu": question(), "vector": computes(lambda _, *numbers: Vector(list(numbers)))},
    modules={"lines": lambda _, name, args, kwargs: f"{name.name} of lines"},
    types={"lines.Vector": Vector},
    kinds=(
        Kind(
            Vector,
            item=lambda _, vector, key: vector.numbers[key],
            iterate=lambda _, vector: vector.numbers,
            augmented=lambda _, function, vector, right: Vector([function(n, right) for n in vector.numbers]),
            attribute=lambda interpreter, vector, name: interpreter.library_method(vector, name),
            methods={"scaled": _scaled},
        ),
    ),
    bases=(Base(lambda cls: cls.name.endswith("Point"), lambda _, cls, args, kwargs: Vector([1.0, *args])),),
    watched={"drawn": lambda interpreter, function, args, kwargs, where: "watched"},
)


def call(tmp_path: Path, body: str) -> Any:
    path = tmp_path / "modeling_x.py"
    path.write_text(f"import lines\nfrom lines import vector\n{body}")
    interpreter = Interpreter(lambda file, dotted: None, (LINES, BUILTINS))
    file = SourceFile.parse(path)
    return interpreter.call(interpreter.global_name(file, "f"), [], {}, "here")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("def f():\n    return vector(1.0, 2.0)[1]", 2.0),
        ("def f():\n    return [n for n in vector(1.0, 2.0)]", [1.0, 2.0]),
        ("def f():\n    v = vector(1.0)\n    v += 2\n    return v", Vector([3.0])),
        ("def f():\n    return vector(1.0).scaled(3)", Vector([3.0])),
        ("def f():\n    return lines.ORIGIN", Vector([0.0, 0.0])),
        ("from lines import ORIGIN\ndef f():\n    return ORIGIN", Vector([0.0, 0.0])),
        ("def f():\n    return lines.log('x'), lines.has_gpu()", (None, False)),
        ("def f():\n    return lines.draw()", "draw of lines"),
        ("def f():\n    return isinstance(vector(), lines.Vector), isinstance(1, lines.Vector)", (True, False)),
        ("class Point: ...\ndef f():\n    return Point(2.0)", Vector([1.0, 2.0])),
        ("def drawn():\n    return 1\ndef f():\n    return drawn()", "watched"),
        ("def f():\n    import lines\n    return lines.draw()", "draw of lines"),
    ],
)
def test_each_table_is_used(tmp_path: Path, body: str, expected: object) -> None:
    assert call(tmp_path, body) == expected


PLAIN = """
class Counter:
    step = 2
    def __init__(self, start=0):
        self.count = start
    def __call__(self):
        self.count += self.step
        return self.count
    @property
    def twice(self):
        return 2 * self.count
def f():
    counter = Counter(1)
    counter()
    return counter(), counter.twice, isinstance(counter, Counter), hasattr(counter, "other")
"""


def test_plain_classes_need_no_library(tmp_path: Path) -> None:
    assert call(tmp_path, PLAIN) == (5, 10, True, False)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("def f():\n    vector()[0] = 1", "an item set on Vector"),
        ("def f():\n    vector().x = 1", "an attribute set on Vector"),
        ("def f():\n    return vector()()", "a call of Vector"),
        ("def f():\n    import torch", "ImportError: torch"),
        ("import torch\ndef f():\n    return torch.zeros(1)", "a call of torch.zeros"),
    ],
)
def test_what_is_in_no_table_is_not_understood(tmp_path: Path, body: str, what: str) -> None:
    with pytest.raises(NotUnderstood, match=what):
        call(tmp_path, body)
