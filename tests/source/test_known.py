"""Whatever the interpreter knows of a library, a case names, so that the library itself has computed it, too."""

from __future__ import annotations

import pytest

from scaffold.source.torch.torch_ops import OPS
from tests.source.known import without_case


def test_nothing_that_is_known_is_without_a_case() -> None:
    assert without_case() == {}


def test_what_is_new_and_has_no_case_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPS, "logcosh", OPS["cos"])
    assert without_case() == {"torch": ["logcosh"]}
