"""What source calls of transformers computes what transformers computes: the same functions, run by both."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.source.transformers.cases import NAMES, compared, embeddings, interpreted


@pytest.mark.engine
def test_nothing_differs_from_the_engines_release(transformers_source: Path) -> None:
    from tests.bench.source.earlier import release_of
    from tests.lab.engine import engine

    release = release_of(engine().python)
    found = {name: (word, why) for name, word, why in compared(release.python, transformers_source, release.version)}
    assert set(found) == set(NAMES)
    assert {name: said for name, said in found.items() if said[0] not in ("agrees", "unknown")} == {}
    assert sum(word == "agrees" for word, _ in found.values()) >= 8


def test_a_check_of_the_library_stops_nothing() -> None:
    assert interpreted("layer_types_that_are_checked", None, "4.57.6") == (2 * embeddings()).tolist()
