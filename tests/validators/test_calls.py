"""Calls in a text, against the signatures that a tree has: what fits, and what is said of the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scaffold_validators.calls import misfit_calls, signature

TREE = {
    "pkg/__init__.py": "from .layers import Linear as Dense\nfrom .star import *\n",
    "pkg/layers.py": (
        "from dataclasses import dataclass\n"
        "class Base:\n    def __init__(self, size, *, bias=True):\n        pass\n"
        "class Linear(Base):\n    pass\n"
        "@dataclass\nclass Parts:\n    norm: object\n    gate: object = None\n"
        "@dataclass\nclass More(Parts):\n    up: object = None\n"
        "@dataclass\nclass Far(somewhere.Parts):\n    up: object = None\n"
    ),
    "pkg/star.py": (
        "try:\n    def rope(size, base=1.0, **more): ...\nexcept ImportError:\n    pass\ndef many(*sizes, last): ...\n"
    ),
}
FITS = (
    "from pkg import Dense\nDense(3, bias=False)",
    "from pkg import Dense\nDense(size=3)",
    "from pkg import Dense\nDense(*sizes)",
    "from pkg import Dense\nDense(**sizes)",
    "from pkg import rope\nrope(3, scaling=2)",
    "from pkg import many\nmany(1, 2, 3, last=4)",
    "from pkg.layers import Parts\nParts(1, gate=2)",
    "from pkg.layers import More\nMore(1, gate=2, up=3)",
    "from pkg.layers import Far\nFar(1, gate=2, up=3)",
    "from elsewhere import Dense\nDense(nothing=1)",
    "from pkg import unknown\nunknown(1)",
)
DOES_NOT = (
    ("from pkg import Dense\nDense(3, offset=1)", "line 2: Dense has no argument 'offset'"),
    ("from pkg import Dense\nDense()", "line 2: Dense needs size"),
    ("from pkg import Dense\nDense(3, True)", "line 2: Dense takes 1 plain arguments"),
    ("from pkg import Dense as D\nD(3, offset=1)", "line 2: D has no argument 'offset'"),
    ("from pkg import many\nmany(1)", "line 2: many needs last"),
    ("from pkg.layers import Parts\nParts(gate=1)", "line 2: Parts needs norm"),
    ("from pkg.layers import More\nMore(up=1)", "line 2: More needs norm"),
    ("from pkg.layers import More\nMore(1, bias=1)", "line 2: More has no argument 'bias'"),
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path, text in TREE.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


@pytest.mark.parametrize("text", FITS)
def test_calls_that_fit(tree: Path, text: str) -> None:
    assert misfit_calls(text, tree, "pkg") == ()


@pytest.mark.parametrize(("text", "said"), DOES_NOT)
def test_calls_that_do_not(tree: Path, text: str, said: str) -> None:
    assert [str(misfit) for misfit in misfit_calls(text, tree, "pkg")] == [said]


def test_a_file_that_changes_is_read_anew(tree: Path) -> None:
    path = tree / "pkg/layers.py"
    os.utime(path, ns=(0, 0))
    assert signature(tree, "pkg", "Dense") is not None
    path.write_text("class Linear:\n    def __init__(self, other, wide=1): ...\n")
    os.utime(path, ns=(0, 0))  # the clock of a file system may be too coarse to tell two changes apart
    found = signature(tree, "pkg", "Dense")
    assert found is not None
    assert found.positional == ("other", "wide")
