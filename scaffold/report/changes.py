"""The files that a plan created or edited, each with what it is for and its diff."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import unified_diff
from fnmatch import fnmatch
from pathlib import Path

from scaffold.delivery.layout import INDEX, MKDOCS, NAV_TITLES, TEST_CONFIGS, TUTORIALS
from scaffold.delivery.own_lines import Edit
from scaffold.evidence.edited import Generated, is_edited
from scaffold.evidence.plan_record import PlanRecord
from scaffold.planning.listings import DATASETS
from scaffold.report.value import ChangedFile, Role
from scaffold.roots.vllm_tree import CONFIG_CLASSES, CONFIGS, MODELS, REGISTRY

ROLES = (
    (REGISTRY.as_posix(), Role.REGISTRATION),
    (CONFIGS.as_posix(), Role.REGISTRATION),
    (f"{CONFIG_CLASSES.as_posix()}/__init__.py", Role.REGISTRATION),
    ("*/models/__init__.py", Role.REGISTRATION),
    (f"{CONFIG_CLASSES.as_posix()}/*.py", Role.CONFIG_CLASS),
    ("vllm_ascend/models/configuration_*.py", Role.CONFIG_CLASS),
    (f"{MODELS.as_posix()}/*.py", Role.ADAPTER),
    ("vllm_ascend/models/*.py", Role.ADAPTER),
    ("vllm_ascend/patch/*", Role.PATCH),
    ("patches/*", Role.PATCH),
    ("docs/*.po", Role.TRANSLATION),
    (f"{TEST_CONFIGS.as_posix()}/*.yaml", Role.TEST_CONFIG),
    (INDEX.as_posix(), Role.INDEX),
    (f"{TUTORIALS.as_posix()}/*.md", Role.TUTORIAL),
    (MKDOCS.as_posix(), Role.INDEX),
    (NAV_TITLES.as_posix(), Role.INDEX),
    (f"{TEST_CONFIGS.as_posix()}/*.txt", Role.INDEX),
    ("docs/*", Role.INDEX),
    *((path.as_posix(), Role.INDEX) for path in DATASETS),
)
"""Where a file lies → what it is for; the first that fits."""


def changes_of(record: PlanRecord, generated: Generated = lambda _: None) -> tuple[ChangedFile, ...]:
    """Return what a plan changed, vLLM's tree first, each tree in the order of the paths.

    Args:
        record: the plan's.
        generated: what this tool wrote last to each file that it made.
    """
    trees = (
        ("vllm", Path(record.vllm), record.vllm_files),
        ("delivery", Path(record.delivery), (*record.delivery_files, *record.carried)),
    )
    found = []
    for label, root, files in trees:
        edited = [edit for edit in record.edits if edit.root == label]
        for path in sorted({*files, *(edit.path for edit in edited)}):
            own = [edit for edit in edited if edit.path == path]
            change = _edited(label, root, path, own) if own else _created(label, root, path)
            found.append(replace(change, is_edited=is_edited(root / path, generated)))
    return tuple(found)


def role_of(path: str) -> Role:
    """Return what a file is for, by where it lies."""
    return next((role for pattern, role in ROLES if fnmatch(path, pattern)), Role.OTHER)


def _edited(label: str, root: Path, path: str, edits: Sequence[Edit]) -> ChangedFile:
    lines = [line for edit in edits for line in _diff(edit.before, edit.after, path)]
    return _changed(label, path, False, lines, (root / path).is_file())


def _created(label: str, root: Path, path: str) -> ChangedFile:
    try:
        text = (root / path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return _changed(label, path, True, [], False)
    return _changed(label, path, True, list(_diff(None, text, path)), True)


def _changed(label: str, path: str, created: bool, lines: Sequence[str], is_there: bool) -> ChangedFile:
    added, removed = (sum(_counts(line, sign) for line in lines) for sign in "+-")
    return ChangedFile(label, path, role_of(path), created, added, removed, "".join(lines), is_there)


def _counts(line: str, sign: str) -> bool:
    return line.startswith(sign) and not line.startswith(sign * 3 + " ")


def _diff(before: str | None, after: str, path: str) -> Iterator[str]:
    """Yield the lines of a unified diff; ``before`` is None of a file that was not there."""
    old = [] if before is None else before.splitlines(keepends=True)
    names = ("/dev/null" if before is None else f"a/{path}", f"b/{path}")
    for line in unified_diff(old, after.splitlines(keepends=True), *names):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
