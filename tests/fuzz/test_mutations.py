"""A few mutations in the unit tests, with shrinking; thousands of them: ``make fuzz``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.checkpoint.about import about
from scaffold.checkpoint.read import read_checkpoint
from tests.fuzz.bases import BASES
from tests.fuzz.judge import judge
from tests.fuzz.mutate import mutate


@pytest.fixture(scope="module", autouse=True)
def _imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import what the command needs: on a new machine that takes longer than the command may."""
    judge(BASES[0](tmp_path_factory.mktemp("first") / "checkpoint"))


@given(number=st.integers(0, len(BASES) - 1), random=st.randoms(use_true_random=False))
def test_a_mutated_checkpoint_gives_a_clean_result_or_one_clean_error(number: int, random: Random) -> None:
    with tempfile.TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/nonexistent")
        directory = BASES[number](Path(root) / "checkpoint")
        what = mutate(directory, random)
        assert judge(directory)[0] is None, what


@pytest.mark.parametrize("base", BASES, ids=[base.__name__ for base in BASES])
def test_a_base_is_sound(base: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(base)
    monkeypatch.setenv("PATH", "/nonexistent")
    read = read_checkpoint(base(tmp_path / "checkpoint"))
    assert about(read).facts
    assert judge(read.path)[0] is None
