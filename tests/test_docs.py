"""What the pages in ``docs/`` name is there: files, folders, tables and links."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.rows import each

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
TOP = ("codemods", "validators", "scaffold", "cookiecutter-model", "cookiecutter-plugin", "tests", "docs")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(rf"`((?:{'|'.join(TOP)})/[\w./-]*)`")
FILE_NAME = re.compile(r"`([\w-]+\.(?:py|yaml|jinja))`")
ROW_OF = re.compile(r"((?:`\w+`(?:, | or | and )?)+) (?:in|of) (?:a file of )?`([\w/.]+)`")
LINK = re.compile(r"\]\(([^)#:]*)(?:#([^)]*))?\)")


def prose(page: Path) -> str:
    """Return the text of a page without its blocks of code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def defined(path: Path) -> Iterator[str]:
    """Yield what a module, or any module of a folder, assigns, defines or imports at its top."""
    for file in [path] if path.is_file() else path.glob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            match node:
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                    yield name
                case ast.Assign(targets=targets):
                    yield from (target.id for target in targets if isinstance(target, ast.Name))
                case ast.ImportFrom(names=names):
                    yield from (alias.name for alias in names)


def anchors(page: Path) -> set[str]:
    """Return what links to headings of a page end in."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    missing = [name for name in PATH.findall(prose(page)) if not (ROOT / name).exists()]
    assert missing == []


@cache
def file_names() -> frozenset[str]:
    """Return the names of all files, without their folders."""
    return frozenset(file.name for top in TOP for file in (ROOT / top).rglob("*.*"))


@each("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_without_its_folder_exists(page: Path) -> None:
    assert [name for name in FILE_NAME.findall(prose(page)) if name not in file_names()] == []


@each("page", PAGES, ids=lambda page: page.name)
def test_every_table_that_a_page_names_is_in_the_file_that_it_names(page: Path) -> None:
    missing = [
        (name, path)
        for words, path in ROW_OF.findall(prose(page))
        for name in re.findall(r"`(\w+)`", words)
        if path.startswith(TOP) and name not in set(defined(ROOT / path))
    ]
    assert missing == []


def test_most_rows_for_extensions_name_a_table_in_a_file() -> None:
    """The test above would also pass if its pattern found nothing."""
    page = prose(ROOT / "docs/architecture.md")
    assert len(ROW_OF.findall(page)) >= 30
    named = ROW_OF.findall(page)
    assert ("`ROTATIONS`", "scaffold/probing/rotations.py") in named
    assert ("`ROPE_TYPES`", "scaffold/probing/frequencies.py") in named
    assert [words for words, _ in named if " and " in words or " or " in words], "rows that name two tables are found"


@each("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    for target, anchor in LINK.findall(prose(page)):
        to = (page.parent / target) if target else page
        assert to.exists(), target
        assert not anchor or anchor in anchors(to), f"{target}#{anchor}"


def test_the_architecture_names_every_folder_of_the_other_packages() -> None:
    text = prose(ROOT / "docs/architecture.md")
    packages = ("codemods", "validators/scaffold_validators")
    folders = [path.parent.relative_to(ROOT) for name in packages for path in (ROOT / name).glob("*/__init__.py")]
    assert [str(folder) for folder in folders if f"`{folder}/`" not in text] == []


def test_the_folders_of_scaffold_stand_in_the_order_in_which_they_may_import() -> None:
    """As the layers in ``pyproject.toml`` say it, which the lint step checks against the imports."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = (c["layers"] for c in settings["contracts"] if c.get("containers") == ["scaffold"])
    rank = {name: -number for number, layer in enumerate(layers) for name in re.findall(r"\w+", layer)}
    rows = re.findall(r"^\| (`scaffold/\w+/`(?:, `scaffold/\w+/`)*) \|", prose(ROOT / "docs/architecture.md"), re.M)
    folders = [name for row in rows for name in re.findall(r"scaffold/(\w+)/", row)]
    assert sorted(folders) == sorted(rank)
    assert [rank[name] for name in folders] == sorted(rank.values())
