"""The page as text: complete in both languages, closed to the network, and with everything of others escaped."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from scaffold.report import wording
from scaffold.report.page.render import FOLDER, SECTIONS, diff_lines, gib, page, policy, seconds
from scaffold.report.page.weights import tensors_alone
from scaffold.report.page.words import GROUPS, words
from scaffold.report.value import Report, Role, Shown
from scaffold.report.wording import LANGUAGES
from scaffold_validators.outcome import Outcome
from scaffold_validators.results.feature import State
from scaffold_validators.stages.table import STAGES
from tests.report.page.made_up import history, report
from tests.report.page.test_weights import header, small
from tests.report.samples import empty, full, of_the_commit

TEMPLATES = sorted((FOLDER / "templates").glob("*.jinja"))
HOSTILE = "</script><img src=x onerror=alert(1)><!--\"'&{{7*7}}"


class Elements(HTMLParser):
    """What a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "link", "input", "br", "rect", "line"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and tag == self.open[-1]:
            self.open.pop()
        elif tag not in ("rect", "line"):
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text.append(data)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("made", [report, full, empty, of_the_commit], ids=lambda made: made.__name__)
def test_every_part_is_there_and_every_element_is_closed(made: Callable[[], Report], language: str) -> None:
    found = Elements(page(made(), small(), language=language))
    assert (found.open, found.wrong) == ([], [])
    assert {value for name, value in found.attributes if name == "id"} >= {*SECTIONS, "search", "tree", "words"}
    assert {words()[f"section.{name}"][language] for name in SECTIONS} <= {text.strip() for text in found.text}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_not_run_is_said(language: str) -> None:
    bare = replace(empty(), features=(), proofs=(), limits=())
    shown = "".join(Elements(page(bare, None, language)).text)
    for key in ("no_gates", "capacity_not_run", "static_not_run", "no_runbook", "not_committed", "no_account",
                "no_answers", "no_changes", "no_weights", "no_limits", "not_run", "no_false_ready"):  # fmt: skip
        assert words()[key][language] in shown, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_tensors_that_go_nobody_knows_where_are_listed_and_the_page_says_why(language: str) -> None:
    alone = tensors_alone({"odd.weight": header("odd.weight", 1)}, f"the spec has holes: {HOSTILE}")
    found = Elements(page(report(), alone, language))
    texts = {text.strip() for text in found.text}
    assert {words()["no_rules"][language], words()["not_known"][language]} <= texts
    assert any(HOSTILE in text for text in texts)
    assert not {words()["rules"][language], words()["rank_bytes"][language]} & texts


def test_what_random_weights_showed_is_no_proof_of_the_weight_map() -> None:
    def line(text: str) -> str:
        return next(one for one in "".join(Elements(text).text).splitlines() if words()["loaded"]["en"] in one)

    assert "real weights TP 8 ✓ passed · parity with transformers TP 8 ✓ passed" in line(page(report(), small(), "en"))
    only_dummy = tuple(run for run in history() if run.verdict.stage in ("twin", "dummy"))
    assert line(page(report(history=only_dummy), small(), "en")).endswith(words()["not_run"]["en"])


def test_the_policy_allows_what_is_in_the_page_and_nothing_else() -> None:
    text = page(report(), small())
    css, script = ((FOLDER / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    for part in (css, script):
        assert f">{part}</" in text
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy(css, script)
    assert policy(css, script).startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in text.partition("</head>")[0]
    found = Elements(text)
    assert not [name for name, _ in found.attributes if name == "style" or name.startswith("on")]
    links = [
        value for name, value in found.attributes if name in ("src", "href") and not value.startswith(("#", "data:"))
    ]
    assert links == []
    assert "</" not in script + css


def hostile() -> Any:
    """Return the report with that text wherever others' text is shown."""
    runs = tuple(
        replace(run, verdict=replace(run.verdict, reason=HOSTILE, cause=HOSTILE, log=f"{HOSTILE}{run.number}"))
        for run in history()
    )
    made = report(history=runs, summary=HOSTILE)
    return replace(
        made,
        identity=replace(made.identity, model_id=HOSTILE, architecture=HOSTILE),
        changes=tuple(replace(one, path=HOSTILE, diff=f"+{HOSTILE}\n") for one in made.changes),
        answers=tuple(replace(one, content=HOSTILE, request=HOSTILE) for one in made.answers),
        log_lines=tuple(replace(one, text=HOSTILE) for one in made.log_lines),
        limits=tuple(replace(one, kind=HOSTILE, detail=HOSTILE) for one in made.limits),
        features=tuple(replace(one, feature=HOSTILE, title=HOSTILE, evidence=HOSTILE) for one in made.features),
    )


def test_text_of_others_is_shown_as_text() -> None:
    ordinary = Elements(page(report(), small()))
    found = Elements(page(hostile(), small(header(f"odd.{HOSTILE}.weight", 1), header("\ud800\u202e", 1))))
    assert (found.open, found.wrong) == ([], [])
    assert "img" not in found.tags
    assert "".join(found.text).count(HOSTILE) > 25
    assert found.tags.count("script") == ordinary.tags.count("script")


def test_every_word_is_there_in_both_languages_and_has_the_same_gaps() -> None:
    for key, texts in words().items():
        assert set(texts) == {"zh", "en"}, key
        gaps = [sorted(re.findall(r"\{\d\}", text)) for text in texts.values()]
        assert gaps[0] == gaps[1], key


def test_every_word_that_is_used_is_there_and_every_one_there_is_used() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in [*TEMPLATES, FOLDER / "page.js"])
    used = set(re.findall(r'"#?([a-z_.]+)"', sources)) | set(re.findall(r"'([a-z_.]+)'", sources))
    groups = tuple(f"{group}." for group in re.findall(r'one_of\("(\w+)"', sources))
    dynamic = (*groups, *(f"{group}." for group in GROUPS), "section.", "check_", "text.")
    named = set(words())
    assert {key for key in named if not key.startswith(dynamic)} <= used
    asked = set(re.findall(r'\bt\("([a-z_.]+)"(?! ~)', sources)) | set(
        re.findall(r'said\("\w+", "[^"]*", "(\w+)"', sources)
    )
    assert asked <= named


@pytest.mark.parametrize(
    ("group", "values"),
    [
        ("outcome", [one.value for one in Outcome]),
        ("state", [*(one.value for one in State), "not-run"]),
        ("shown", [one.value for one in Shown]),
        ("role", [one.value for one in Role]),
        ("stage", [stage.name for stage in STAGES]),
        ("section", SECTIONS),
    ],
)
def test_every_value_of_a_group_has_its_word(group: str, values: list[str]) -> None:
    assert [value for value in values if f"{group}.{value}" not in words()] == []


def test_lines_of_a_diff_are_told_apart_by_where_they_stand() -> None:
    diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n--- odd\n+++ odd\n same\n\\ No newline at end of file\n"
    assert [kind for kind, _ in diff_lines(diff)] == [
        "file", "file", "hunk", "removed", "added", "same", "file"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"), [(0.84, "0.8 s"), (9.0, "9 s"), (61.5, "62 s"), (599.0, "599 s"), (7200.0, "120 min")]
)
def test_seconds(value: float, text: str) -> None:
    assert seconds(value) == text


def test_bytes() -> None:
    assert [gib(size) for size in (12, 2048, 79 * 2**30, 2**41)] == ["12 B", "2.00 KiB", "79.00 GiB", "2.00 TiB"]


def test_the_files_of_the_page_are_small() -> None:
    assert all(
        len(path.read_text(encoding="utf-8").splitlines()) < 450 for path in (*TEMPLATES, *Path(FOLDER).glob("*.*"))
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_page_takes_from_markdown_has_no_marks_of_it(language: str) -> None:
    sections = wording.words(language).sections
    sentences = [chinese for _, chinese in wording.words(language).sentences]
    assert not [text for text in [*sentences, *map(str, sections["fact"].values())] if "`" in text]
    assert not [key for key, texts in words().items() if "`" in texts[language]]


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_what_it_stands_on(theme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", (FOLDER / "page.css").read_text(encoding="utf-8"), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[theme]))
    pairs = [(text, back) for text in ("ink", "quiet", "accent", "good", "bad", "warn") for back in ("paper", "panel")]
    pairs += [(tone, f"{tone}-back") for tone in ("good", "bad", "warn")] + [("ink", "good-back"), ("ink", "bad-back")]
    for text, back in [*pairs, ("quiet", "bad-back")]:
        light, dark = sorted((luminance(colours[text]), luminance(colours[back])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, back)
