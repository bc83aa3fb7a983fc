"""What a model's evidence does not determine is said in Chinese: each hole that the code can find."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import scaffold
from scaffold.common.tables import read_table
from scaffold.report import wording
from scaffold.report.wording import words
from tests.report.test_all_in_chinese import is_said, text_of
from tests.rows import each

PACKAGE = Path(scaffold.__file__).parent
FOLDERS = (
    "adapter",
    "carried",
    "feed_forwards",
    "idioms",
    "mixers",
    "modelslim",
    "probing",
    "reading",
    "source",
    "weights",
)
"""Folders whose code finds holes."""
SAID = read_table(Path(wording.__file__).parent / "words" / "said" / "holes.yaml")
FOUND_BY = {"NotUnderstood", "TooLarge", "NoSuchShape", "NoTensor", "Raised", "Hole", "_hole", "same"}
"""What is called with a hole, or with what the layers of a model differ in."""
KEPT_IN = {"what", "WITH_ENCODER", "NO_SOURCE", "TWO_MEANINGS", "TWO_BODIES", "CAPACITY", "SHARED", "MIXED"}
"""Names that hold one before it is raised."""
FRAME = "^no (?:idiom|rule) (?:yet )?for "
"""How a hole begins that only tells that adapters have no form for what follows."""
PLACE = re.compile(r"config\.json[,:] .*|architectures: .*|ImportError: .*|\{\}.*\{\}")
"""Places of holes, and parts of sentences, of which `EXAMPLES` has whole ones."""
PARTS = {
    "{}, but for {}": "no modeling source: names and shapes alone do not tell how the model computes, but for Llama",
    "{}, which no name or shape tells": "no head_dim or hidden_size, which no name or shape tells",
    "'s {}": "a choice by num_heads, which is another one for a probe than for the checkpoint's 8",
    "it {}: which class computes it, vLLM alone says": "it drafts tokens for another model: EAGLE (a.b): which class "
    "computes it, vLLM alone says",
    "what happens to {} between projection and attention{}": "what happens to q between projection and attention",
    "a number that sizes are rounded or counted to ({} in a probe{})": "a number that sizes are rounded or counted to "
    "(8 in a probe)",
    "{}the config key {}, which config.json does not have": "the config key 'a', which config.json does not have",
    "what happens to the rotated part of q and k{}": "what happens to the rotated part of q and k",
}
"""A part of a sentence → a whole one that has it."""


@cache
def _holes() -> dict[str, str]:
    """Return place → text of what the code says of holes, ``{}`` for what is filled in."""
    files = (path for folder in FOLDERS for path in sorted((PACKAGE / folder).rglob("*.py")))
    texts = ((path.relative_to(PACKAGE), path.read_text(encoding="utf-8")) for path in files)
    finds = re.compile(rf"\b({'|'.join(FOUND_BY | {'SHARED'})})\b")
    return {f"{path}:{line}": text for path, code in texts if finds.search(code) for line, text in _of(code)}


def _of(code: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(code)):
        said: list[ast.expr] = []
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in FOUND_BY:
            said = list(node.args)
        elif isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            said = [node.value] if any(ast.unparse(one) in KEPT_IN for one in targets) else []
        for one in said:
            for part in (one.body, one.orelse) if isinstance(one, ast.IfExp) else (one,):
                text = text_of(part)
                if text is not None and " " in text.strip():
                    yield part.lineno, text


def test_each_hole_of_the_code_has_its_chinese() -> None:
    texts = {place: text for place, text in _holes().items() if not PLACE.fullmatch(text)}
    inner = {place: re.sub(FRAME, "", PARTS.get(text, text)) for place, text in texts.items()}
    assert {place: text for place, text in inner.items() if not is_said(text)} == {}
    assert is_said("no idiom yet for 7"), "what a frame holds is said on its own"
    assert {*PARTS} <= {*_holes().values()}
    assert len(texts) > 250, "the holes are found"


EXAMPLES: dict[str, str] = dict(read_table(Path(__file__).with_name("holes.yaml")))
"""A hole, and how a report says it."""
TOLD_ELSEWHERE = ("StopIteration", "super().forward", "AutoModel.register")
"""Holes of a single word."""
JOINS = (
    f"{FRAME}|^no modeling source, and |; ",
    "that differ in |flows into | is not a sum|something else ",
)
"""What stands before, between and behind the sentences of a hole that is made of several."""


@each("said, chinese", EXAMPLES.items())
def test_a_hole_in_chinese(said: str, chinese: str) -> None:
    assert words("zh").said(said, "`{}`".format) == chinese


def test_no_pattern_is_left_over() -> None:
    texts = {PARTS.get(text, text) for text in _holes().values()} | {*EXAMPLES, *TOLD_ELSEWHERE}
    for join in JOINS:
        texts |= {part for text in texts for part in re.split(join, text)}
    filled = "\n".join(text.replace("{}", fill) for text in sorted(texts) for fill in ("7", "a.b", "'x'"))
    assert [pattern for pattern, _ in SAID if not re.search(f"^(?:{pattern})$", filled, re.MULTILINE)] == []
