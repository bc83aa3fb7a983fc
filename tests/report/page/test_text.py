"""Text of others, as a page shows it."""

from __future__ import annotations

import json

import pytest
from markupsafe import Markup

from scaffold.report.page.text import embedded, legible


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("model.层.weight　a\n\tb", "model.层.weight　a\n\tb"),
        ("a\u202eb\u200bc", "a\\u202eb\\u200bc"),
        ("\x1b[31m\r\0", "\\x1b[31m\\r\\x00"),
        ("\udc80", "\\udc80"),
    ],
)
def test_what_is_not_to_be_seen_is_an_escape(text: str, seen: str) -> None:
    assert legible(text) == seen
    assert legible({"a": [text]}) == {"a": [seen]}


def test_what_is_html_already_is_left_alone() -> None:
    assert legible(Markup("\x07<b>")) == "\x07<b>"


def test_data_does_not_end_the_element_that_it_is_in() -> None:
    value = {"a": "</script><!--<script>&amp;\u2028", "b": [1, None, "\u202e"]}
    text = embedded(value)
    assert not set("<>&") & set(text)
    assert json.loads(text) == {**value, "a": "</script><!--<script>&amp;\\u2028", "b": [1, None, "\\u202e"]}
