"""What the libraries offer together: each name means one thing, and what changes no value needs no arguments."""

from __future__ import annotations

from collections import Counter

import pytest

from scaffold.source.interpreter import LIBRARIES
from scaffold.source.python.library import Meaning
from scaffold.source.torch.tensors import Dtype
from tests.rows import each

NAMES = {name: meaning for library in LIBRARIES for name, meaning in library.names.items()}


def test_no_name_has_two_meanings() -> None:
    counts = Counter(name for library in LIBRARIES for name in library.names)
    assert [name for name, count in counts.items() if count > 1] == []


@each("name", [name for name, meaning in NAMES.items() if meaning.role == "question"])
def test_questions_are_answered_as_in_plain_pytorch(name: str) -> None:
    assert NAMES[name].call(None, object()) in (False, Dtype("float32"))


@each("name", [name for name, meaning in NAMES.items() if meaning.role == "inert"])
def test_what_is_inert_returns_nothing_or_what_it_decorates(name: str) -> None:
    answer = NAMES[name].call(None)
    assert answer is None or answer(7) == 7


def test_a_decorator_that_changes_nothing_may_have_a_default() -> None:
    meaning = NAMES["interval"]
    assert isinstance(meaning, Meaning)
    assert meaning.call(None, min=1)(default=3) == 3


@pytest.mark.parametrize(
    "name",
    [
        "transformers.utils.is_torch_fx_proxy",
        "transformers.utils.import_utils.is_flash_attn_greater_or_equal_2_10",
        "transformers.utils.is_torchdynamo_exporting",
        "is_flash_attn_2_available",
    ],
)
def test_what_asks_for_machine_or_tracing_is_answered_no_whatever_it_is_given(name: str) -> None:
    found = [meaning for library in LIBRARIES for form, meaning in library.patterns if form.fullmatch(name)]
    assert [(one.role, one.call(None, object())) for one in found] == [("question", False)]
