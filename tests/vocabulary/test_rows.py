"""The vocabulary's file: what a row may say, and what is an error."""

from __future__ import annotations

import json

import pytest

from scaffold.vocabulary.rows import PATH, as_value, parse, rows
from tests.rows import each


def test_a_row_is_its_role_and_spellings_with_what_is_done_with_it() -> None:
    (row,) = parse("heads: {keys: [num_heads, a.b], type: sizes, probe: [12, 16], twin: 4}").values()
    assert (row.role, row.keys, row.type, row.probe, row.twin) == ("heads", ("num_heads", "a.b"), "sizes", (12, 16), 4)
    assert row.is_size


def test_a_row_without_spellings_goes_by_its_role() -> None:
    assert parse("v_head_dim: {type: counts}")["v_head_dim"].keys == ("v_head_dim",)


@each(
    ("text", "says"),
    [
        ("a: {key: [b]}", "a: 'key' is none of keys, type, probe, twin, same_as"),
        ("a: {keys: b}", "a: keys 'b' instead of a list of spellings"),
        ("a: {type: integer}", "a: type 'integer' is none of size"),
        ("a: {probe: [3, 3]}", r"a: probe \[3, 3\] instead of two values that differ"),
        ("a: {keys: [c]}\nb: {keys: [c]}", "'c' is a spelling of a and of b"),
        ("a: {same_as: b}", "a: same_as 'b', which is no role"),
        ("a: {keys: [b.c], type: flag}", "a: 'b.c' leads into an object"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(text)


def test_the_usual_spelling_of_the_sizes_that_everything_needs_stands_first() -> None:
    usual = {role: rows()[role].keys[0] for role in ("hidden_size", "num_layers", "num_heads", "num_kv_heads")}
    assert usual == {
        "hidden_size": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "num_kv_heads": "num_key_value_heads",
    }


def test_it_is_given_to_other_processes_as_json() -> None:
    value = json.loads(json.dumps(as_value()))
    assert value.keys() == rows().keys()
    assert value["num_kv_heads"]["keys"] == list(rows()["num_kv_heads"].keys)


def test_lines_are_as_long_as_those_of_code() -> None:
    assert max(map(len, PATH.read_text(encoding="utf-8").splitlines())) <= 120
