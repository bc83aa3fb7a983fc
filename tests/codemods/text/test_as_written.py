"""How a file is written stays, whatever codemod edits it: the examples of all, written in other ways."""

import ast
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codemods import CODEMODS, Example, find_codemod, target_file
from codemods.text.as_written import LEVEL, MARK, edited, indent_unit
from tests.drawn import examples
from tests.rows import each
from tests.sampled import sampled

EXAMPLES = [
    (c, e) for c in CODEMODS for e in c.examples if isinstance(e, Example) and e.before and "\r" not in e.before
]
IDS = [f"{codemod.name}-{number}" for number, (codemod, _) in enumerate(EXAMPLES)]
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def written(text, mark="", end="\n", unit=LEVEL):
    levels = [re.match(rf"(?:{LEVEL})*", line).end() // len(LEVEL) for line in text.split("\n")]
    lines = [unit * n + line[n * len(LEVEL) :] for n, line in zip(levels, text.split("\n"), strict=True)]
    return mark + end.join(lines)


@pytest.mark.parametrize(("codemod", "example"), sampled(EXAMPLES, every=3), ids=IDS)
def test_an_edit_is_written_as_its_file_is(codemod, example):
    """Mark, line ends and indentation in turn; the second run changes nothing."""
    units = ("\t", "  ") if codemod.edits_python and indent_unit(example.before) == LEVEL else ()
    ends = ("\r\n", "\r") if "\n" in example.before.rstrip("\n") else ()
    ways = [{"mark": MARK}, *({"end": end} for end in ends), *({"unit": unit} for unit in units)]
    for way in ways:
        before, after = written(example.before, **way), written(example.after, **way)
        if indent_unit(before) == way.get("unit", LEVEL):  # there is a block that shows it
            assert codemod.run(before, example.arguments) == after
            assert codemod.run(after, example.arguments) == after


ENDED = [(c, e) for c, e in EXAMPLES if e.before.rstrip("\n") and e.before.endswith("\n")]


@each(("codemod", "example"), ENDED, ids=[c.name for c, _ in ENDED])
def test_a_file_without_an_end_of_its_last_line_has_none_afterwards(codemod, example):
    before, after = example.before.removesuffix("\n"), example.after.removesuffix("\n")
    assert codemod.run(before, example.arguments) == after
    assert codemod.run(after, example.arguments) == after


SEPARATORS = "\f\x0b\x1c\x1d\x1e\x85\u2028\u2029"
"""Where `str.splitlines` splits, and Python's parser does not."""
PYTHON = [(c, e) for c, e in EXAMPLES if c.edits_python and not c.removes]


@each(("codemod", "example"), PYTHON, ids=[c.name for c, _ in PYTHON])
def test_what_looks_like_an_end_of_a_line_is_none_in_python(codemod, example):
    head = re.match(r"(#.*\n)*", example.before).group()
    text = head + '# page @@\nPAGE = "@@"\n' + example.before[len(head) :]
    plain = codemod.run(text, example.arguments)
    assert codemod.run(text.replace("@@", SEPARATORS), example.arguments) == plain.replace("@@", SEPARATORS)


def is_part(lines, others):
    """Return whether these lines are among the others, in the same order."""
    rest = iter(others)
    return all(line in rest for line in lines)


@examples(20)
@given(st.sampled_from(EXAMPLES), st.data())
def test_lines_that_are_not_edited_keep_every_byte_in_a_file_with_all_kinds_of_ends(case, data):
    codemod, example = case
    lines = LINE.findall(example.before)
    ends = data.draw(st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=len(lines), max_size=len(lines)))
    mixed = [line.replace("\n", end) for line, end in zip(lines, ends, strict=True)]
    text = "".join(mixed)
    assume(LINE.findall(text) == mixed)  # a carriage return before an empty line with a line feed is one end with it
    result = codemod.run(text, example.arguments)
    assert re.sub(r"\r\n|\r", "\n", result) == example.after
    if is_part(lines, LINE.findall(example.after)):
        assert is_part(mixed, LINE.findall(result))


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("def f():\n\treturn {\n\t\t1: 2,\n\t}\n", "\t"),
        ("x = {\n  1: [\n    2,\n  ],\n}\n", "  "),
        ("class A:\n    def f(\n            self,\n    ):\n        return 1\n", LEVEL),
        ("x = 1\n", LEVEL),
        ("def f(\n        a,\n        b,\n):\n    return a\n", LEVEL),  # eight for a signature, four for blocks
        ("def f():\n        return [\n                1,\n        ]\n", " " * 8),
        ("if x:\n# a comment\n\n  y = 1\n", "  "),
        ("", LEVEL),
    ],
)
def test_the_indentation_of_a_file_is_that_of_its_blocks(text, unit):
    assert indent_unit(text) == unit


TEXTS = st.lists(st.sampled_from(["a", "  b", "\tc", "    d:", "", "x = {"]), max_size=8)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@examples(30)
@given(TEXTS, ENDS, st.booleans(), st.integers(0, 8), st.booleans())
def test_a_new_line_is_ended_as_the_others_and_an_edit_that_does_nothing_changes_nothing(lines, end, last, at, mark):
    text = (MARK if mark else "") + end.join(lines) + (end if last else "")
    assert edited(text, str, is_python=True) == text

    def insert(plain):
        assert "\r" not in plain
        assert MARK not in plain
        parts = plain.split("\n")
        return "\n".join([*parts[:at], "NEW", *parts[at:]])

    after = edited(text, insert, is_python=False)
    parts = text.removeprefix(MARK).split(end)
    kinds = end if len(parts) > 1 else "\n"
    assert after == (MARK if mark else "") + kinds.join([*parts[:at], "NEW", *parts[at:]])


OPENING = st.sampled_from(["if x:", "def f(\n@@@a,\n@):", "class A:"])
BLOCKS = st.recursive(
    st.sampled_from(["x = 1", "y = [\n@@1,\n@@2,\n@]", "f(\n@@@a,\n@)", "# comment"]).map(lambda line: [f"@{line}"]),
    lambda inner: st.tuples(
        st.sampled_from(["if x:", "def f(\n@@@a,\n@):", "class A:"]), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=6,
)


def source_of(block, unit, continuation, level=0):
    """Write blocks; ``@`` is a level, ``@@`` and ``@@@`` are what continuation lines are indented by."""
    if isinstance(block, list):
        (line,) = block
        lines = line.removeprefix("@").replace("@@@", continuation + unit * level)
        return unit * level + lines.replace("@@", unit * (level + 1)).replace("@", unit * level) + "\n"
    opening, inner = block
    head = opening.replace("@@@", continuation + unit * level).replace("@", unit * level)
    body = "".join(source_of(one, unit, continuation, level + 1) for one in inner)
    return f"{unit * level}{head}\n{body}{unit * (level + 1)}pass\n"


@examples(30)
@given(st.lists(BLOCKS, max_size=4), st.sampled_from(["\t", *(" " * n for n in range(1, 9))]), st.integers(1, 8))
def test_the_plain_form_of_python_is_the_same_program(blocks, unit, width):
    text = "".join(source_of(block, unit, " " * width if unit != "\t" else "\t\t") for block in blocks)
    seen = []
    assert edited(text, lambda plain: seen.append(plain) or plain, is_python=True) == text
    assert ast.dump(ast.parse(seen[0])) == ast.dump(ast.parse(text))


MIXED = st.lists(st.tuples(st.sampled_from(["a", "b", "", "\t\tc", "  d"]), st.sampled_from(["\n", "\r\n", "\r"])))
STEPS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["insert", "delete", "replace"]), TEXTS), max_size=3)


def steps_on(plain, steps):
    """Edit a plain text's lines."""
    lines = LINE.findall(plain)
    for at, kind, new in steps:
        lines[at : at + (kind != "insert")] = [f"{line}\n" for line in new] if kind != "delete" else []
    return "".join(lines)


@examples(30)
@given(MIXED, STEPS, st.booleans())
def test_whatever_is_edited_the_file_says_afterwards_what_the_edit_says(lines, steps, mark):
    text = (MARK if mark else "") + "".join(line + end for line, end in lines)
    plain = re.sub(r"\r\n|\r", "\n", text.removeprefix(MARK))
    after = edited(text, lambda text: steps_on(text, steps), is_python=False)
    assert after.startswith(MARK) is mark
    assert re.sub(r"\r\n|\r", "\n", after.removeprefix(MARK)) == steps_on(plain, steps)


def test_an_emptied_line_is_not_joined_with_a_carriage_return_before_it():
    assert edited("a\rb\nc", lambda text: text.replace("b", ""), is_python=False) == "a\r\rc"


REAL = (
    (
        "vllm-registry-entry",
        "vllm_source",
        {"architecture": "CedarForCausalLM", "module": "m" * 60, "class_name": "Cedar"},
    ),
    ("vllm-config-type", "vllm_source", {"model_type": "cedar", "class_name": "CedarConfig"}),
    ("ascend-patch-import", "ascend_source", {"module": "patch_cedar"}),
)


@pytest.mark.parametrize(("name", "source", "arguments"), REAL, ids=[name for name, _, _ in REAL])
def test_a_file_of_a_real_tree_is_edited_in_whatever_way_it_is_written(name, source, arguments, request):
    codemod = find_codemod(name)
    file = target_file(codemod, request.getfixturevalue(source), arguments)
    before = file.read_text(encoding="utf-8")
    after = codemod.run(before, arguments)
    assert after != before
    for way in ({"mark": MARK}, {"end": "\r\n"}, {"end": "\r"}, {"unit": "\t"}, {"unit": "  "}):
        if indent_unit(written(before, **way)) == way.get("unit", LEVEL):
            assert codemod.run(written(before, **way), arguments) == written(after, **way)
