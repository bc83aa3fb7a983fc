"""The head is what the model that was read calls it, whatever it is called elsewhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from scaffold.disagreements.vocabulary_rows import head_of, may_have_head


@pytest.mark.parametrize(
    ("name", "found"), [("lm_head.linear", "lm_head.linear.weight"), ("lm_head", None), (None, None)]
)
def test_of_the_model_that_was_read(name: str | None, found: str | None) -> None:
    pattern = SimpleNamespace(name="lm_head.linear.weight", shape=(96, 64), count=1)
    decoder = None if name is None else SimpleNamespace(head_name=name)
    subject: Any = SimpleNamespace(decoder=decoder, own=(pattern,), names=(pattern.name,))
    head = head_of(subject)
    assert (head and head.name) == found
    assert may_have_head(subject) is (found is not None)
