"""A file is parsed once for each content that it has."""

from __future__ import annotations

import ast
from pathlib import Path

from scaffold.source.python.syntax import SourceFile, read_tree


def test_the_same_text_is_parsed_once_and_another_anew(tmp_path: Path) -> None:
    path = tmp_path / "modeling_x.py"
    path.write_text("x = 1\n")
    first = read_tree(path)
    assert read_tree(path) is first
    path.write_text("y = 1\n")
    assert read_tree(path) is not first
    assert list(SourceFile.parse(path).definitions) == ["y"]


def test_files_of_the_same_text_keep_their_own_names(tmp_path: Path) -> None:
    paths = [tmp_path / "a.py", tmp_path / "b.py"]
    for path in paths:
        path.write_text("x = 1\n")
    assert [SourceFile.parse(path).path for path in paths] == paths


def test_a_byte_order_mark_is_no_part_of_a_source(tmp_path: Path) -> None:
    path = tmp_path / "cedar.py"
    path.write_bytes(b"\xef\xbb\xbfRINGS = 3\n")
    assert ast.unparse(read_tree(path)) == "RINGS = 3"
