"""Imports that resolve in a tree, and those that do not: from text alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scaffold_validators.imports import unresolved_imports
from tests.sampled import costly

FILES = {
    "pkg/__init__.py": "from pkg.config import Config as Exported\n",
    "pkg/config.py": "import os\nclass Config: ...\nLIMIT: int = 3\na, b = 1, 2\n",
    "pkg/branches.py": "try:\n    from fast import run\nexcept ImportError:\n    def run(): ...\nif True:\n    X = 1\n",
    "pkg/layers/__init__.py": "from .norm import *\n",
    "pkg/layers/norm.py": "class RMSNorm: ...\n",
    "pkg/lazy.py": "NAMES = {'Late': 1}\ndef __getattr__(name): ...\n",
    "pkg/plain/module.py": "x = 1\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small package with every way in which a module can come to a name."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        "from pkg import Exported, config, layers",
        "from pkg.config import Config, LIMIT, a, b, os",
        "from pkg.branches import run, X",
        "from pkg.layers import RMSNorm",
        "from pkg.lazy import Late",
        "from pkg.plain.module import x",
        "import pkg.layers.norm as norm",
        "from elsewhere import anything",
        "from . import relative",
    ],
)
def test_what_resolves(tree: Path, line: str) -> None:
    assert unresolved_imports(line, tree, "pkg") == ()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("from pkg.config import Other", "line 1: no 'Other' in pkg.config"),
        ("import pkg.nowhere", "line 1: no module pkg.nowhere"),
        ("\nfrom pkg.nowhere import x", "line 2: no module pkg.nowhere"),
        ("from pkg.layers import LayerNorm", "line 1: no 'LayerNorm' in pkg.layers"),
        ("from pkg.lazy import Never", "line 1: no 'Never' in pkg.lazy"),
        ("def f():\n    from pkg.config import Other", "line 2: no 'Other' in pkg.config"),
    ],
)
def test_what_does_not(tree: Path, line: str, says: str) -> None:
    assert [str(found) for found in unresolved_imports(line, tree, "pkg")] == [says]


def test_a_file_that_changes_within_a_tick_of_the_clock_is_read_anew(tree: Path) -> None:
    path = tree / "pkg/config.py"
    for text, found in (("OLD = 1\n", 1), ("LATER = 1\n", 0)):
        path.write_text(text)
        os.utime(path, ns=(0, 0))
        assert len(unresolved_imports("from pkg.config import LATER", tree, "pkg")) == found


@costly
def test_every_model_of_the_real_tree_resolves_in_it(vllm_source: Path) -> None:
    from scaffold.placement.registration import absolute_imports

    for name in ("llama", "qwen3", "gemma2", "deepseek_v2", "exaone4", "olmoe", "gpt_oss"):
        text = (vllm_source / f"vllm/model_executor/models/{name}.py").read_text()
        assert unresolved_imports(absolute_imports(text), vllm_source) == ()
