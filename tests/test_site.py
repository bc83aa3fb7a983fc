"""What the site is made of: nothing that a browser would fetch from elsewhere, and every page has its place."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from scaffold.cli.pages import all_files
from tests.cli.calls import FENCE, check_call, commands_of
from tests.rows import each
from tests.site import loaded_from_elsewhere

ROOT = Path(__file__).parents[1]
SETTINGS = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FILES = all_files()


def named(nav: object) -> list[str]:
    """Return the pages that a navigation names."""
    if isinstance(nav, str):
        return [nav]
    rows = nav.values() if isinstance(nav, dict) else nav
    return [page for row in rows for page in named(row)]


def test_every_page_has_its_place_in_the_navigation() -> None:
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").glob("*.md")}
    assert pages <= set(named(SETTINGS["nav"])), "add it to nav in mkdocs.yml"
    assert len(named(SETTINGS["nav"])) == len(set(named(SETTINGS["nav"])))


def test_it_is_built_strictly_and_without_fonts_of_others() -> None:
    assert SETTINGS["strict"] is True
    assert SETTINGS["theme"]["font"] is False
    assert SETTINGS["plugins"] == ["search"]


@each("path", FILES, ids=str)
def test_generated_files_are_what_the_commands_say(path: Path) -> None:
    assert (ROOT / path).is_file(), "run: make command-pages"
    assert (ROOT / path).read_text(encoding="utf-8") == FILES[path], "run: make command-pages"


def test_there_is_no_page_of_a_command_that_is_no_more() -> None:
    assert {path.relative_to(ROOT) for path in (ROOT / "docs/commands").glob("*.md")} <= set(FILES)


@each(
    ("text", "suffix", "found"),
    [
        ('<script src="https://cdn.example/x.js"></script>', ".html", ["https://cdn.example/x.js"]),
        ('<link rel="stylesheet" href="//fonts.example/css">', ".html", ["//fonts.example/css"]),
        ('<link rel="canonical" href="https://example.org/">', ".html", []),
        ('<a href="https://example.org/">there</a><img src="images/way.svg">', ".html", []),
        ('<pre class="mermaid">graph</pre>', ".html", ["mermaid, which the theme fetches"]),
        ('<p style="background: url(https://e.example/a.png)">', ".html", ["https://e.example/a.png"]),
        ("@import 'https://fonts.example/css';", ".css", ["https://fonts.example/css"]),
        ("a { background: url(data:image/png;base64,aa) } b { background: url(x.png) }", ".css", []),
    ],
)
def test_what_a_browser_would_fetch_from_elsewhere_is_found(text: str, suffix: str, found: list[str]) -> None:
    assert loaded_from_elsewhere(text, suffix) == found


@each("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_that_a_page_shows_is_one_that_the_command_line_takes(page: Path) -> None:
    for words in commands_of(page.read_text(encoding="utf-8")):
        if "…" not in " ".join(words):  # a page of a codemod leaves values open
            check_call(words)


def test_the_chinese_quick_start_has_the_same_steps() -> None:
    english, chinese = (
        (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("quick-start.md", "quick-start.zh.md")
    )
    assert FENCE.findall(chinese) == FENCE.findall(english)
    headings = [[line.split()[0] for line in text.splitlines() if line.startswith("#")] for text in (english, chinese)]
    assert headings[0] == headings[1]


def test_no_chinese_sentence_is_broken_into_lines_which_would_put_a_blank_into_it() -> None:
    text = re.sub(r"```.*?```", "", (ROOT / "docs/quick-start.zh.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert re.findall(r"[^\n]\n(?=[^\n])", text) == []


def test_what_help_has_in_angle_brackets_is_no_element_of_a_page() -> None:
    pages = "".join(text for path, text in FILES.items() if path.suffix == ".md")
    assert "&lt;model type>" in pages
    assert re.findall(r"<(?!!--)", re.sub(r"`[^`]*`", "", pages)) == []


def test_every_target_of_make_that_a_page_names_is_one() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        for line in re.findall(r"(?:`|\$ )make ([a-z -]+)", page.read_text(encoding="utf-8")):
            assert set(line.split()) <= targets, f"{page.name}: make {line}"
