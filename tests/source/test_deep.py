"""Deeply nested source and huge literals end as clean errors, whatever is nested."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.common.errors import CheckpointError
from tests.fuzz.source.seeds import SMALL
from tests.fuzz.source.target import Desk, clean, desk, judge
from tests.sampled import sampled

WRAPS = {
    "parentheses": ("(", "1", ")"), "lists": ("[", "", "]"), "objects": ("{1:", "1", "}"), "minus": ("-", "1", ""),
    "not": ("not ", "1", ""), "sums": ("1 + ", "1", ""), "powers": ("1 ** ", "1", ""), "calls": ("len(", "[]", ")"),
    "results called": ("", "len", "()"), "attributes": ("", "torch", ".nn"), "lambdas": ("lambda: ", "1", ""),
    "choices": ("1 if 1 else ", "1", ""), "comparisons": ("1 < ", "1", ""), "and": ("1 and ", "1", ""),
    "subscripts": ("", "[0]", "[0]"), "texts": ("'a' ", "'a'", ""), "comprehensions": ("[x for x in ", "[]", "]"),
}  # fmt: skip
LITERALS = {
    "a number of many digits": "9" * 100_000, "a hexadecimal number": "0x" + "f" * 1_000_000, "a float": "1e999999999",
    "a long text": f"'{'x' * 2_000_000}'", "many elements": f"[{'0,' * 50_000}]", "a null byte": "'\0'",
}  # fmt: skip


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk(tmp_path_factory.mktemp("desk"))


def within(statement: str) -> bytes:
    """Return a model that runs a statement when it is made."""
    line = "        super().__init__()\n"
    assert SMALL.count(line) == 1
    return SMALL.replace(line, f"{line}        {statement}\n").encode()


@pytest.mark.parametrize("name", sampled(WRAPS, every=3))
@pytest.mark.parametrize("depth", [60, 190, 900, 5_000])
def test_deep_nesting_is_a_clean_error_or_none(name: str, depth: int, at: Desk) -> None:
    opening, inside, closing = WRAPS[name]
    assert judge(at, within(f"deep = {opening * depth}{inside}{closing * depth}")) in clean()


@pytest.mark.parametrize("name", LITERALS)
def test_a_huge_literal_is_a_clean_error_or_none(name: str, at: Desk) -> None:
    assert judge(at, within(f"literal = {LITERALS[name]}")) in clean()


@pytest.mark.parametrize(
    "body",
    ["def f(x):\n    return f(x)\nf(1)", "f = lambda x: f(x)\nf(1)", "class A:\n    def __getattr__(self, n):\n        "
     "return getattr(self, n)\nA().x", "class B:\n    def __eq__(self, o):\n        return self == o\nB() == B()"],
)  # fmt: skip
def test_calls_without_an_end_are_a_clean_error(body: str, at: Desk) -> None:
    indented = body.replace("\n", "\n        ")
    assert judge(at, within(indented)) in clean()


def test_blocks_in_blocks(at: Desk) -> None:
    elifs = "if 0:\n            pass\n" + "        elif 0:\n            pass\n" * 2_000
    assert judge(at, within(elifs)) in clean()


def test_a_file_that_is_too_deep_names_it(tmp_path: Path) -> None:
    from scaffold.source.python.syntax import SourceFile

    path = tmp_path / "modeling_deep.py"
    path.write_text("x = " + "(" * 5_000 + ")" * 5_000)
    with pytest.raises(CheckpointError) as error:
        SourceFile.parse(path)
    assert (error.value.where, error.value.expected) == ("modeling_deep.py", "Python source in UTF-8")


INIT = "        super().__init__()\n"
FOUND = {
    "a base that cannot be computed": ("class NovaForCausalLM(nn.Module):", "class NovaForCausalLM(max([])):"),
    "a name of the file that cannot be computed": ("import math\n", "import math\nLIMIT = max([])\n"),
    "a module that holds itself": (INIT, f"{INIT}        self.me = self\n"),
    "modules that hold each other": (INIT, f"{INIT}        self.a = nn.Module()\n        self.a.b = self\n"),
}
"""What the fuzzer found, made small."""


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_is_a_clean_error(name: str, at: Desk) -> None:
    before, after = FOUND[name]
    text = SMALL.replace(before, after).replace("math.sqrt(2)", "LIMIT" if "LIMIT" in after else "math.sqrt(2)")
    assert text != SMALL
    assert judge(at, text.encode()) in clean()
