"""Sentences of a tutorial in Chinese: whole lines, with their links and figures as they are."""

from __future__ import annotations

import re
from pathlib import Path

import scaffold.delivery.tutorial.chinese as module
from scaffold.delivery.tutorial.chinese import chinese_of
from tests.rows import each

SECTIONS = Path(__file__).parents[3] / "cookiecutter-model/templates/tutorial/sections"
VALUE = re.compile(r"\{\{[^}]*\}\}")
IN_ENGLISH = (
    "{% if",
    "{{ delivery.support }}",
    "is a {{ delivery.kind }}",
    "{{ delivery.weight_size }} of weights",
    "Measured with lm_eval",
)
"""What says something else of each model, or has a reason in it that somebody gave."""


def prose() -> list[str]:
    """Return the lines of the sections that are sentences, with a number in place of each value."""
    found = []
    for path in sorted(SECTIONS.glob("*.jinja")):
        text = re.sub(r"^ *```.*?^ *```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
        lines = [line.removeprefix("- ") for line in text.splitlines() if re.match(r"(?:- )?[A-Z`]", line)]
        lines = [re.sub(r"\{\{ \": \" ~ [^}]*\}\}", "", line) for line in lines]
        kept = [line for line in lines if not VALUE.fullmatch(line) and not any(word in line for word in IN_ENGLISH)]
        found += [VALUE.sub("7", line) for line in kept]
    return found


@each("line", prose())
def test_a_sentence_that_says_the_same_of_every_model_is_there_in_chinese(line: str) -> None:
    assert re.search("[\u4e00-\u9fff]", chinese_of(line)), line


def test_what_a_sentence_quotes_stays_as_it_is() -> None:
    line = "Please refer to [a](b.md) for tuning methods, and to the [c](d.md) for detailed feature descriptions."
    assert chinese_of(line) == "调优方法请参考 [a](b.md)，特性的详细说明请参考 [c](d.md)。"
    assert chinese_of("Nova is a dense language model.") == ""
    assert len(module._patterns()) > 30
