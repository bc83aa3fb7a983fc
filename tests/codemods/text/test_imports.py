"""Blocks of imports against ruff's own sorting, for the tree's Python."""

import subprocess
import sys

import pytest

from codemods.text.imports import Import, import_block
from codemods.text.standard_library import is_standard
from codemods.text.tree_style import Style

IMPORTS = [
    Import("torch"),
    Import("tomllib"),
    Import("asyncore"),
    Import("collections.abc", "Iterable"),
    Import("os", "path", "p"),
    Import("vllm.leaves", "DEFAULT"),
    Import("vllm.leaves", "grow_leaves_of_the_tree"),
    Import("vllm.leaves", "LeavesOfTheTree"),
]


@pytest.mark.parametrize("line_length", [60, 88])
@pytest.mark.parametrize("python", [(3, 10), (3, 11), (3, 12), (3, 13)])
def test_a_block_is_as_ruff_sorts_it(tmp_path, python, line_length):
    block = import_block(IMPORTS, Style(line_length, python))
    words = ["check", "--isolated", "--select", "I", "--no-cache", "--quiet", "--line-length", str(line_length)]
    words += ["--target-version", f"py{python[0]}{python[1]}", "-"]
    result = subprocess.run([sys.executable, "-m", "ruff", *words], input=block, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, ""), block


def test_the_standard_library_of_this_python_is_what_it_says_itself():
    known = {"binhex", "asyncore", "telnetlib", "tomllib", "annotationlib", "compression", *sys.stdlib_module_names}
    assert {module for module in known if is_standard(module, sys.version_info[:2])} == set(sys.stdlib_module_names)
