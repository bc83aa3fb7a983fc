"""A file is parsed in pieces: what is defined is the same as of the whole, lines included."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from scaffold.ascend.trees import Trees, parse_file

PLAIN = '''"""Two words."""
import os


@first
@second(
    1,
)
def decorated(
    x,
):
    return """
    not a definition
    """


class Held:
    def method(self): ...
# a comment at the left
    def other(self): ...


if os.name:
    def decorated(y): ...
last = 1
'''
IN_A_STRING = '''TEXT = """
def not_a_function():
    pass
"""


def a_function():
    pass
'''


@pytest.mark.parametrize("text", [PLAIN, IN_A_STRING])
def test_definitions_are_those_of_the_whole_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "module.py"
    path.write_text(text, encoding="utf-8")
    module = parse_file("module", path)
    assert module is not None
    kinds = ast.FunctionDef | ast.ClassDef
    expected: dict[str, list[tuple[int, str]]] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, kinds) and node.name not in ("method", "other"):
            expected.setdefault(node.name, []).append((node.lineno, ast.dump(node)))
    found = {
        name: [(b.node.lineno, ast.dump(b.node)) for b in module.binding(name) if isinstance(b.node, kinds)]
        for name in (*expected, "not_a_function")
    }
    assert found == {**{name: sorted(rows) for name, rows in expected.items()}, "not_a_function": []}


def test_names_are_found_below_the_root_of_their_package(tmp_path: Path) -> None:
    (tmp_path / "vllm" / "inner").mkdir(parents=True)
    (tmp_path / "vllm" / "inner" / "__init__.py").write_text("from . import deep\n", encoding="utf-8")
    (tmp_path / "vllm" / "inner" / "deep.py").write_text("def broken(:\n", encoding="utf-8")
    trees = Trees(tmp_path)
    assert trees.module("vllm.inner") is not None
    deep = trees.module("vllm.inner.deep")
    assert deep is not None
    assert (deep.binding("broken"), trees.module("vllm.inner.other")) == ([], None)
    assert trees.has("torch") is False


def test_a_file_that_changes_within_a_tick_of_the_clock_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    for text in ("def old(): ...\n", "def later(): ...\n"):
        path.write_text(text, encoding="utf-8")
        os.utime(path, ns=(0, 0))
        module = parse_file("module", path)
        assert module is not None
        assert module.text == text
