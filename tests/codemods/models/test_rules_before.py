"""Which rule takes a name first: as ``WeightsMapper`` applies them, a table after the other, each on what was made."""

from __future__ import annotations

import ast

import pytest

from codemods.models.rules_before import taken_before
from tests.rows import each

MAPPER = """WeightsMapper(
    orig_to_new_suffix={".g": ".gamma", ".beta": ".bias"},
    orig_to_new_prefix={"model.": "inner.", "old.": None, "inner.a.": "b."},
    orig_to_new_substr={".old.": ".new.", ".new.ring": ".r"},
)"""


@each(
    ("rule", "old", "key"),
    [
        ("prefix", "model.layers.", "model."),
        ("prefix", "old.layers.", "old."),
        ("prefix", "layers.", None),
        ("prefix", "mod", None),  # names of another kind are left to it
        ("prefix", "inner.", None),  # what an earlier rule made is for it
        ("prefix", "inner.a.b.", "inner.a."),
        ("substr", "x.old.", ".old."),
        ("substr", ".new.", None),
        ("substr", "x.old.ring.y", ".old."),
        ("substr", "x.new.ring", ".new.ring"),
        ("substr", "model.", None),  # prefixes come later
        ("suffix", "norm.g", ".g"),
        ("suffix", "a.beta", ".beta"),
        ("suffix", ".gamma", None),
        ("suffix", "x.old.w", ".old."),
        ("regex", "model.", None),  # they come first
    ],
)
def test_a_rule_that_is_never_asked_is_known(rule: str, old: str, key: str | None) -> None:
    mapper = ast.parse(MAPPER, mode="eval").body
    assert isinstance(mapper, ast.Call)
    taken = taken_before(mapper, rule, old)
    assert (taken.key if taken else None) == key


@pytest.mark.parametrize(
    ("rule", "old", "becomes"),
    [("suffix", "norm.g", r"'.gamma'"), ("prefix", "old.x", "nothing"), ("substr", "x.old.", "'.new.'")],
)
def test_what_becomes_of_it_is_said(rule: str, old: str, becomes: str) -> None:
    mapper = ast.parse(MAPPER, mode="eval").body
    assert isinstance(mapper, ast.Call)
    taken = taken_before(mapper, rule, old)
    assert taken is not None
    assert taken.becomes == becomes
