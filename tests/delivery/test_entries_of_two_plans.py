"""Entries of two plans in the lists that deliveries touch: each commit holds its own alone, in whatever order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from codemods import Example, find_codemod
from codemods.codemod import completed
from codemods.refusal import Refusal
from scaffold.delivery.line_ends import lines_of, written
from scaffold.delivery.own_lines import Edit, own_lines, without_own
from scaffold.delivery.stretches import stretches
from tests.sampled import sampled

KEYS: Mapping[str, str] = {
    "toctree-entry": "page",
    "mkdocs-nav-entry": "page",
    "nav-title": "page",
    "accuracy-list": "config",
    "ascend-dataset-list": "name",
    "ascend-support-matrix": "model",
    "ascend-catalogue-entry": "english",
    "ascend-model-registration": "architecture",
    "ascend-config-registration": "model_type",
    "ascend-packed-modules": "model_type",
    "vllm-registry-entry": "architecture",
    "vllm-config-type": "model_type",
    "vllm-config-class": "class_name",
}
"""A list that a plan adds an entry to → what tells the entries of two models apart."""
NAMES = ("Aaa", "Mmm", "Zzz")


def entries(value: str) -> Iterator[str]:
    """Yield values of the same form with other names."""
    folder, slash, name = value.rpartition("/")
    stem, dot, ending = name.partition(".") if name.endswith((".md", ".yaml")) else (name, "", "")
    for word in NAMES:
        yield folder + slash + (word if stem[:1].isupper() else word.lower()) + dot + ending


def cases(codemod: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield a list before, after one plan, after another one too, and as the other one alone makes it."""
    found, key = find_codemod(codemod), KEYS[codemod]
    for example in found.examples:
        if not isinstance(example, Example) or key not in example.arguments or not example.before:
            continue

        def edited(text: str, value: str, example: Example = example) -> str:
            arguments = {**example.arguments, key: value}
            return found.transform(text, **completed(found.name, found.parameters, arguments))

        for one in entries(example.arguments[key]):
            for other in entries(example.arguments[key]):
                try:
                    first = edited(example.before, one)
                    both, alone = edited(first, other), edited(example.before, other)
                except Refusal:
                    continue
                if one != other and example.before != first != both:
                    yield example.before, first, both, alone


@pytest.mark.parametrize("codemod", sampled(KEYS, every=2))
def test_in_either_order_each_commit_has_the_entry_of_its_plan_alone(codemod: str) -> None:
    tried = list(cases(codemod))
    assert tried
    for before, first, both, alone in tried:
        one, other = Edit("d", "f", before, first), Edit("d", "f", first, both)
        second_first = own_lines(before, [other], both)
        assert second_first == alone
        assert own_lines(second_first, [one], both) == both
        assert own_lines(before, [one], both) == first
        assert own_lines(first, [other], both) == both


def test_of_repeated_lines_an_entry_has_its_own() -> None:
    old = ["def f():\n", "    a()\n", "\n", "    import x\n", "    x(1)\n"]
    new = [*old[:2], "\n", "    import x\n", "    x(2)\n", *old[2:]]
    assert stretches(old, new)[1] == ("insert", 2, 2, 2, 5)
    assert stretches(new, old)[1] == ("delete", 2, 5, 2, 2)


def test_a_closing_bracket_begins_no_entry() -> None:
    old = ["f(\n", "    1,\n", ")\n"]
    new = ["f(\n", "    1,\n", ")\n", "f(\n", "    2,\n", ")\n"]
    assert stretches(old, new)[-1] == ("insert", 3, 3, 3, 6)


@pytest.mark.parametrize(
    ("picked", "like", "found"),
    [
        ([1, 2, 4], '[\n  "a",\n  "b",\n  "c"\n]\n', '  "a",\n  "b"\n]\n'),
        ([1, 2, 4], "(\n  a,\n  b,\n  c,\n)\n", "  a,\n  b,\n)\n"),
        ([0, 2], "a\nb\nc", "a\nc"),
        ([2, 0], "a\nb\nc", "c\na"),
        ([0, 1], "no list,\nno list\nend,\n", "no list,\nno list\n"),
    ],
)
def test_ends_of_lines_follow_from_what_stands_behind_them(picked: list[int], like: str, found: str) -> None:
    lines = lines_of(like)
    assert written([lines[number] for number in picked], [like], like) == found


def test_a_file_without_the_lines_of_plans_is_what_others_wrote() -> None:
    before, first = "a\nz\n", "a\nm\nz\n"
    now = "a\nm\nuser\nn\nz\n"
    plans = [[Edit("d", "f", before, first)], [Edit("d", "f", "a\nm\nuser\nz\n", now)]]
    assert without_own(plans, now) == "a\nuser\nz\n"
