"""Keys that a config object may lack: an adapter reads those with their defaults."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from scaffold.planning.render import _may_lack_tied

KEY = "tie_word_embeddings"


@pytest.mark.parametrize(
    ("config", "overrides", "library", "lacks"),
    [
        ({}, {}, None, True),
        ({KEY: False}, {}, None, False),
        ({KEY: False}, {KEY: False}, None, True),
        ({}, {}, "transformers", False),
    ],
)
def test_what_no_file_says_may_be_lacking(config: Any, overrides: Any, library: Any, lacks: bool) -> None:
    source, checkpoint = SimpleNamespace(library=library), SimpleNamespace(text_config=config)
    reading: Any = SimpleNamespace(source=source, checkpoint=checkpoint)
    assert _may_lack_tied(reading, overrides) is lacks
