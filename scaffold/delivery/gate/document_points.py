"""Points that the files of the commit show, as the commit would hold them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scaffold.delivery.config_schema import faults_of
from scaffold.delivery.gate.case import Case
from scaffold.delivery.gate.point import Answer, missing, refused, shown

SECTIONS = (
    ("Introduction",),
    ("Supported Features", "Feature Matrix"),
    ("Environment Preparation", "Prerequisites", "Installation"),
    ("Deployment", "Online Service Deployment"),
    ("Functional Verification",),
    ("Accuracy Evaluation",),
    ("Performance", "Performance Evaluation", "Performance Tuning"),
)
"""The sections of a tutorial, in order, each by the names that versions of vllm-ascend have for it."""
HEADING = re.compile(r"## +(?:\d+(?:\.\d+)*\.? +)?(?P<title>.*?)(?: *\{:.*\})?\s*")
"""A heading of a section: ``## 4 Installation``, ``## Deployment``, ``## 5 Deployment {: #5-deployment }``."""
FENCE = re.compile(r" *(`{3,}|~{3,})")


def test_config(case: Case) -> Answer:
    """Look at the test config."""
    path = case.config
    text = case.held(path)
    if text is None:
        return missing("no test config in the commit", str(path))
    wrong = config_problem(text)
    return missing(wrong, str(path)) if wrong else shown("in the form that the tree's own tests read", str(path))


def config_problem(text: str) -> str:
    """Return what is wrong with a test config; empty if nothing is."""
    return "; ".join(faults_of(text))


def tutorial(case: Case) -> Answer:
    """Look for each section of the tutorial, and for words in it."""
    path = case.tutorial
    text = case.held(path)
    if text is None:
        return missing("no tutorial in the commit", str(path))
    filled = dict(sections(text))
    lacking = [names[0] for names in SECTIONS if not any(filled.get(name) for name in names)]
    if lacking:
        return missing(f"sections that are missing or empty: {', '.join(lacking)}", str(path))
    return shown("all sections, none of them empty", str(path))


def sections(text: str) -> Iterator[tuple[str, str]]:
    """Yield title and text of each section; what is in a fence is no heading."""
    title, lines, fence = "", list[str](), ""
    for line in text.splitlines():
        opened = FENCE.match(line)
        if opened and not fence:
            fence = opened[1]
        elif opened and line.strip() == opened[1] and opened[1].startswith(fence):
            fence = ""
        found = None if fence or opened else HEADING.fullmatch(line)
        if found is None:
            lines.append(line)
            continue
        yield title, "\n".join(lines).strip()
        title, lines = found["title"], []
    yield title, "\n".join(lines).strip()


def index(case: Case) -> Answer:
    """Look for the tutorial in the file that lists them."""
    text = case.held(case.index)
    if text is None:
        return missing("no index of tutorials", str(case.index))
    names = (case.name, f"{case.name}.md")
    ends = tuple(f"{before}{name}{after}" for name in names for before, after in (("/", ""), (" ", ""), ("<", ">")))
    is_listed = any(line.strip() in names or line.strip().endswith(ends) for line in text.splitlines())
    return shown("the tutorial is listed", str(case.index)) if is_listed else missing("no entry of it", str(case.index))


def code(case: Case) -> Answer:
    """Look whether the commit holds all that the plan wrote, and nothing else."""
    if case.undeliverable is not None:
        return refused(case.undeliverable)
    by_hand = f"; edited by hand since they were generated: {', '.join(case.edited)}" if case.edited else ""
    return shown(f"all files of the plan, each with its own lines alone{by_hand}")


def one_commit(case: Case) -> Answer:
    """Look whether the repo takes a commit, signed off."""
    return refused(case.unfit) if case.unfit is not None else shown("on a branch, signed off with git's own identity")
