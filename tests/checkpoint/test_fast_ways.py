"""The fast ways of reading find what the careful ways find, or leave the document to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.checkpoint.headers import _careful, _fast
from scaffold.checkpoint.jsonfile import parse_object
from scaffold.checkpoint.shards import _fast_index, _shards_of
from scaffold.common.errors import CheckpointError
from tests.drawn import examples

NAMES = st.sampled_from(["a", "b", "c.0.w", "true", "false", "x\\u0061", "__metadata__", "dtype", "名"])
NUMBERS = st.sampled_from(
    ["0", "1", "2", "4", "8", "-1", "true", "false", "1.0", "4.0", "1e0", "null", "NaN", '"4"', "[]"]
)
LISTS = st.lists(NUMBERS, max_size=3).map(lambda numbers: f"[{','.join(numbers)}]")


@st.composite
def entries(draw: st.DrawFn) -> str:
    """A header's text, of which all parts may be right: keys come twice, in any order, with any numbers."""
    position = 0
    parts = []
    for name in draw(st.lists(NAMES, max_size=4)):
        if draw(st.booleans()):
            size = draw(st.integers(0, 2))
            pairs = [
                ('"dtype"', '"U8"'),
                ('"shape"', f"[{size}]"),
                ('"data_offsets"', f"[{position},{position + size}]"),
            ]
            position += size
        else:
            pairs = [
                ('"dtype"', draw(st.sampled_from(['"U8"', '"F4"', "7"]))),
                ('"shape"', draw(LISTS)),
                ('"data_offsets"', draw(LISTS)),
            ]
        pairs = draw(
            st.permutations(pairs + draw(st.lists(st.sampled_from([('"dtype"', '"U8"'), ('"e"', "1")]), max_size=1)))
        )
        space = draw(st.sampled_from(["", " ", "\n"]))
        parts.append(f'"{name}":{space}{{{",".join(f"{k}:{space}{v}" for k, v in pairs)}}}')
    if draw(st.booleans()):
        parts = draw(st.permutations(parts))
    if draw(st.booleans()):
        parts.append(
            draw(
                st.sampled_from(['"__metadata__":{"a":"b"}', '"__metadata__":{"a":1}', '"z":7', '"__metadata__":null'])
            )
        )
    return "{" + ",".join(parts) + "}"


def careful(text: str, available: int) -> dict[str, Any] | None:
    try:
        return {n: tuple(form[:4]) for n, form in _careful(text.encode(), Path("s"), available).items()}
    except CheckpointError:
        return None


@examples(100)
@given(entries(), st.integers(0, 6))
def test_headers(text: str, available: int) -> None:
    found = _fast(text.encode(), "s", available)
    if found is not None:
        assert {n: tuple(form[:4]) for n, form in found.items()} == careful(text, available)
        for form in found.values():
            assert all(type(n) is int for n in form.shape)


def test_a_usual_header_goes_the_fast_way() -> None:
    text = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            "b": {"dtype": "U8", "shape": [1, 2], "data_offsets": [2, 4]},
            "a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]},
            "empty": {"dtype": "BF16", "shape": [0], "data_offsets": [4, 4]},
        }
    )
    found = _fast(text.encode(), "s", 4)
    assert found is not None
    assert {n: tuple(form[:4]) for n, form in found.items()} == careful(text, 4)


SHARDS = st.sampled_from(
    ['"a.safetensors"', '"b.safetensors"', '"../a.safetensors"', "7", "null", "[]", '"a\\u002esafetensors"']
)


@given(
    st.lists(st.tuples(NAMES, SHARDS), max_size=4),
    st.sampled_from(
        ["", '"metadata":{"total_size":1.5},', '"metadata":{"a":"b","a":"c"},', '"weight_map":{},', '"x":["y"],']
    ),
)
def test_indexes(pairs: list[tuple[str, str]], before: str) -> None:
    text = "{" + before + '"weight_map":{' + ",".join(f'"{name}":{shard}' for name, shard in pairs) + "}}"
    found = _fast_index(text.encode())
    if not found:
        return
    try:
        expected = parse_object(text.encode(), "i", "an index", "")["weight_map"]
    except CheckpointError:
        # What the fast way lets through in spite of a key twice has a value that is no shard's name
        with pytest.raises(CheckpointError):
            _shards_of(found)
        return
    assert found == expected
