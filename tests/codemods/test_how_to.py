"""The codemod that the how-to shows is one: its examples are tests here as they are anywhere."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from codemods import Codemod, Example, Refusal, run
from codemods.catalog import FILES

PAGE = Path(__file__).parents[2] / "docs/new-codemod.md"
SOURCE = re.search(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[1]


@pytest.fixture(scope="module")
def codemod() -> Codemod:
    names = {"__name__": "how_to"}
    exec(compile(SOURCE, str(PAGE), "exec"), names)
    return names["CODEMOD"]


def test_it_is_short():
    assert len(SOURCE.splitlines()) < 60
    assert max(map(len, SOURCE.splitlines())) <= 120


def test_its_examples_hold(codemod):
    for example in codemod.examples:
        if isinstance(example, Example):
            assert codemod.run(example.before, example.arguments) == example.after
            assert codemod.run(example.after, example.arguments) == example.after
        else:
            with pytest.raises(Refusal) as refused:
                codemod.run(example.before, example.arguments)
            assert example.because in str(refused.value)


def test_as_a_row_of_the_catalog_it_runs_on_a_tree(codemod, tmp_path, monkeypatch):
    monkeypatch.setitem(FILES, codemod.name, "how_to")
    monkeypatch.setitem(sys.modules, "how_to", SimpleNamespace(CODEMOD=codemod))
    (tmp_path / "requirements.txt").write_bytes(b"torch==2.9.0\r\n")
    run(codemod.name, tmp_path, journal=tmp_path / "journal", package="torch", version="2.9.1")
    assert (tmp_path / "requirements.txt").read_bytes() == b"torch==2.9.1\r\n"
