"""``make bench-patches``: upstream's own patches of vllm-ascend, imported and logged again by the codemods.

For each commit that touches vllm-ascend's patch packages since ``SINCE`` and on each release, every import and every
log entry that it added is added to the file as it was before, by the codemod. It has to be taken, as added lines
only, once, and at the place that the file's own rule says; how far that is from upstream's own is shown. And of every
version of the log, each entry that it has is added again, which must change nothing.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import re
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from codemods import Refusal, find_codemod
from codemods.text.import_member import bound_names
from codemods.text.lines import split_lines
from codemods.vllm_ascend.guards import ORIGINS, guard
from codemods.vllm_ascend.log_entries import entries_of, sections
from codemods.vllm_ascend.patch_names import KINDS
from tests.lab.cache import once
from tests.lab.commands import run

URL = "https://github.com/vllm-project/vllm-ascend"
LOG = "vllm_ascend/patch/__init__.py"
WORDS = {"why": "Why.", "how": "How.", "related_pr": "None.", "future_plan": "Remove it."}


@dataclass
class Tally:
    """What was counted, what was refused or went wrong, and distances in lines from upstream's places."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


def history(repo: Path, since: str, path: str) -> list[tuple[str, str]]:
    """Return (commit, parent) of the commits that changed a file, oldest first."""
    text = _git(repo, "log", "--reverse", "--first-parent", f"--since={since}", "--format=%H %P", "--", path)
    return [(line.split()[0], line.split()[1]) for line in text.splitlines() if len(line.split()) > 1]


def releases(repo: Path) -> list[tuple[str, str]]:
    """Return (newer, older) of consecutive tags by date."""
    tags = _git(repo, "tag", "--sort=creatordate").split()
    return [(new, old) for old, new in pairwise(tags)]


def replay_imports(repo: Path, pairs: list[tuple[str, str]], kind: str, tally: Tally) -> None:
    """Add each import that a version added to the version before."""
    path = f"vllm_ascend/patch/{kind}/__init__.py"
    codemod = find_codemod("ascend-patch-import")
    for new, old in pairs:
        before, after = _text(repo, old, path), _text(repo, new, path)
        if not before or before == after:
            continue
        had, has = _imports(before, kind), _imports(after, kind)
        for module in sorted(has.keys() - had.keys()):
            if not module.rpartition(".")[2].startswith("patch_") or not _is_one_edit(has[module], before):
                tally.counts["imports of another form"] += 1
                continue
            arguments = {"module": module, "kind": kind, "condition": has[module]}
            name = f"{new[:10]} {kind} import {module}" + (f" if {has[module]}" if has[module] else "")
            got = _run(codemod, before, arguments, name, tally)
            if got is None:
                continue
            tally.counts["imports"] += 1
            _check(codemod, before, got, arguments, name, tally)
            if _imports(got, kind) != {**had, module: has[module]}:
                tally.wrong.append(f"{name}: not the import that was asked for")
            line = f"import vllm_ascend.patch.{kind}.{module}"
            mine, theirs = (_neighbours(text, line, had, kind) for text in (got, after))
            tally.places.append(abs(mine - theirs))


def replay_log(repo: Path, pairs: list[tuple[str, str]], tally: Tally) -> None:
    """Add each entry that a version of the log added to the version before."""
    codemod = find_codemod("ascend-patch-log")
    for new, old in pairs:
        before, after = _text(repo, old, LOG), _text(repo, new, LOG)
        if not before or before == after or "Worker Patch" not in before:
            continue
        lines = split_lines(before)
        for found in sections(split_lines(after)):
            for entry in found.entries:
                for file in entry.files:
                    kind, _, rest = file.rpartition(".py")[0].partition("/")
                    module = rest.replace("/", ".")
                    if (
                        entries_of(lines, file)
                        or kind not in KINDS
                        or not module.rpartition(".")[2].startswith("patch_")
                    ):
                        continue
                    for target in _targets(entry)[:1]:
                        arguments = {"module": module, "kind": kind, "target": target, **WORDS}
                        name = f"{new[:10]} log {file}"
                        got = _run(codemod, before, arguments, name, tally)
                        if got is None:
                            continue
                        tally.counts["log entries"] += 1
                        _check(codemod, before, got, arguments, name, tally)
                        (mine,) = entries_of(split_lines(got), file)
                        tally.counts["with upstream's number"] += mine.number == entry.number
                        own = next(s for s in sections(split_lines(got)) if mine in s.entries)
                        if own.entries and [e.number for e in own.entries].count(mine.number) > 1 and mine.number:
                            tally.wrong.append(f"{name}: number {mine.number} twice")


def replay_known(repo: Path, commits: list[str], tally: Tally) -> None:
    """Log what each version of the log has already: nothing may change."""
    codemod = find_codemod("ascend-patch-log")
    for commit in commits:
        text = _text(repo, commit, LOG)
        for found in sections(split_lines(text)):
            for entry in found.entries:
                for file in entry.files:
                    kind, _, rest = file.rpartition(".py")[0].partition("/")
                    module = rest.replace("/", ".")
                    if kind not in KINDS or not module.rpartition(".")[2].startswith("patch_"):
                        tally.counts["known entries of no patch file"] += 1
                        continue
                    for target in _targets(entry):
                        arguments = {"module": module, "kind": kind, "target": target, **WORDS}
                        got = _run(codemod, text, arguments, f"{commit[:10]} known {file} {target}", tally)
                        tally.counts["known targets"] += got is not None
                        if got not in (None, text):
                            tally.wrong.append(f"{commit[:10]} {file} {target}: logged twice")
        headings = len(re.findall(r"^#+\s*\*\*.*Files?\s*:", text, re.MULTILINE))
        if headings != sum(len(found.entries) for found in sections(split_lines(text))):
            tally.wrong.append(f"{commit[:10]}: {headings} headings, not all of them read")


def _run(codemod, text, arguments, name, tally):  # type: ignore[no-untyped-def]
    try:
        return codemod.run(text, arguments)
    except Refusal as refusal:
        tally.wrong.append(f"{name}: refused, {refusal.found}")
    except Exception as error:
        tally.wrong.append(f"{name}: {type(error).__name__}: {error}")
    return None


def _check(codemod, before, got, arguments, name, tally):  # type: ignore[no-untyped-def]
    steps = difflib.SequenceMatcher(None, before.splitlines(), got.splitlines(), autojunk=False).get_opcodes()
    if {step[0] for step in steps} - {"equal", "insert"} and "vllm_ascend.utils import" not in got:
        tally.wrong.append(f"{name}: not only added lines")
    if codemod.run(got, arguments) != got:
        tally.wrong.append(f"{name}: twice")
    ast.parse(got)


def _imports(text: str, kind: str) -> dict[str, str]:
    """Return patch module → its condition: empty at the top level, ``?`` where it is no plain condition."""
    found: dict[str, str] = {}

    def visit(body: list[ast.stmt], condition: str) -> None:
        for node in body:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    prefix = f"vllm_ascend.patch.{kind}."
                    if alias.name.startswith(prefix):
                        found[alias.name.removeprefix(prefix)] = condition
            elif isinstance(node, ast.If):
                test = ast.unparse(node.test)
                visit(node.body, "?" if condition else test)
                visit(node.orelse, "?" if condition else test[4:] if test.startswith("not ") else f"not {test}")
            elif isinstance(node, ast.Try):
                visit(node.body, "?")

    visit(ast.parse(text).body, "")
    return found


def _neighbours(text: str, line: str, had: dict[str, str], kind: str) -> int:
    """Count the imports above a line that the version before had, too."""
    above = text[: text.index(line)]
    return sum(f"import vllm_ascend.patch.{kind}.{module}" in above for module in had)


def _is_one_edit(condition: str, before: str) -> bool:
    """Return whether a condition can be written without another edit, such as the definition of a flag."""
    if condition in ("", "?"):
        return condition == ""
    return guard(condition).names <= bound_names(ast.parse(before)) | ORIGINS.keys()


def _targets(entry) -> list[str]:  # type: ignore[no-untyped-def]
    return [
        t
        for item in entry.items
        for t in item.targets
        if t.count(".") >= 1 and all(p.isidentifier() for p in t.split("."))
    ]


def _text(repo: Path, commit: str, path: str) -> str:
    done = subprocess.run(["git", "-C", repo, "show", f"{commit}:{path}"], capture_output=True, check=False)
    return done.stdout.decode() if not done.returncode else ""


def _git(repo: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", repo, *words], capture_output=True, text=True, check=True).stdout


def _clone(root: Path) -> None:
    run("git", "clone", "--bare", "--quiet", URL, root / "repo")


def main() -> None:
    """Replay, show the counts, and end with 1 if anything was refused or wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repo", type=Path, help="a clone of vllm-ascend with its history; without it one is made")
    parser.add_argument("--since", default="2026-02-01")
    arguments = parser.parse_args()
    repo = arguments.repo or once("vllm-ascend-history", "cloning vllm-ascend", _clone) / "repo"
    tally = Tally()
    for kind in KINDS:
        pairs = history(repo, arguments.since, f"vllm_ascend/patch/{kind}/__init__.py")
        replay_imports(repo, [*pairs, *releases(repo)], kind, tally)
    pairs = history(repo, arguments.since, LOG)
    replay_log(repo, [*pairs, *releases(repo)], tally)
    known = [new for new, _ in pairs] + [new for new, _ in releases(repo)]
    replay_known(repo, known, tally)
    print(f"{len(pairs)} commits of the log since {arguments.since}, {len(releases(repo)) + 1} releases")
    for name, count in tally.counts.items():
        print(f"  {name}: {count}")
    if tally.places:
        places = sorted(tally.places)
        print(f"  imports from upstream's place: median {statistics.median(places)}, at most {places[-1]}")
    print(f"  refused or wrong: {len(tally.wrong)}", *tally.wrong[:60], sep="\n    ")
    sys.exit(bool(tally.wrong))


if __name__ == "__main__":
    main()
