"""Sliding windows of as many tokens as the config names, and of one more, as older releases of transformers have."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.expressions.python import shown
from scaffold.mixers.grouped_query.spec import AttentionSpec
from scaffold.source.python.errors import NotUnderstood
from tests.models.remote.build import read

MASK = "mask = _prepare_4d_causal_attention_mask(attention_mask, (batch, length), x, past, sliding_window={})"
NAMED = "self.config.sliding_window"


def window(tmp_path: Path, transformers: Path, size: str) -> tuple[int, str]:
    found = read(tmp_path, transformers, {"sliding_window": 32}, mask=MASK.format(size))
    mixer = found.layers[0].mixer
    assert isinstance(mixer, AttentionSpec)
    assert mixer.window is not None
    return int(mixer.window.value), shown(mixer.window.tree)


@pytest.mark.parametrize(
    ("size", "found"),
    [(NAMED, (33, "config.sliding_window + 1")), (f"{NAMED} - 1", (32, "config.sliding_window"))],
)
def test_a_window_and_one_of_one_token_more_are_told_apart(
    size: str, found: tuple[int, str], tmp_path: Path, transformers_source: Path
) -> None:
    assert window(tmp_path, transformers_source, size) == found


def test_a_window_that_no_key_gives_is_a_hole(tmp_path: Path, transformers_source: Path) -> None:
    with pytest.raises(NotUnderstood, match=r"mixer\.window"):
        window(tmp_path, transformers_source, f"{NAMED} + 1")
