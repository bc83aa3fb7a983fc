"""How a source tree lays out its Python: its line length and its oldest Python, as its own settings say.

The settings nearest to a file count, as they do for ruff
(https://docs.astral.sh/ruff/configuration/#config-file-discovery): first ruff's own, then black's,
then flake8's in ``setup.cfg``. The search goes up to the top of the tree, and not out of it.
"""

from __future__ import annotations

import ast
import re
import sys
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Style:
    """``line_length`` in columns; ``python`` is the oldest version that the code has to run on."""

    line_length: int
    python: tuple[int, int]


DEFAULTS = {
    "vllm": Style(88, (3, 10)),
    "vllm-ascend": Style(120, (3, 10)),
}
"""For trees that say nothing, such as those in wheels. vLLM's pyproject.toml names no line length, so
that ruff's own of 88 holds; vllm-ascend's names 120 since it is laid out by ruff. Both have run on
Python 3.10 in all the releases that codemods are for."""

TOOL_DEFAULT = 88
"""What ruff and black take where their settings name no line length."""
WIDEST = 320
"""The greatest line length that ruff takes."""

_RUFF_FILES = (".ruff.toml", "ruff.toml", "pyproject.toml")  # in ruff's own order
_MINIMUM = re.compile(r"(?:>=|~=|==|>)\s*(\d+)\.(\d+)")


def style_of(file: Path, default: Style, top: Path | None = None) -> Style:
    """Return the style of a file, from the settings of its directory and those above it up to ``top``.

    ``top`` None: it is not known where the tree begins, so that only a checkout's first directory
    ends the search. What no settings say is as in ``default``. Raises `Refusal` for settings that
    cannot be read.
    """
    folders = list(_folders(file.resolve(), top and top.resolve()))
    return Style(
        next(_line_lengths(folders), default.line_length),
        next(_pythons(folders), default.python),
    )


def _folders(file: Path, top: Path | None) -> Iterator[Path]:
    for folder in file.parents:
        yield folder
        if folder == top or (folder / ".git").exists():
            return


def _line_lengths(folders: Sequence[Path]) -> Iterator[int]:
    for path, settings in _ruff_settings(folders):
        yield _checked(settings.get("line-length", TOOL_DEFAULT), path)
    for folder in folders:
        path = folder / "pyproject.toml"
        black = _table(path, "tool", "black")
        if black is not None:
            yield _checked(black.get("line-length", TOOL_DEFAULT), path)
    for folder in folders:
        path = folder / "setup.cfg"
        for section in ("flake8", "pycodestyle"):
            text = _ini(path).get(section, {}).get("max-line-length", "")
            if text:
                yield _checked(int(text) if text.strip().isdecimal() else text, path)


def _pythons(folders: Sequence[Path]) -> Iterator[tuple[int, int]]:
    for _, settings in _ruff_settings(folders):
        match = re.fullmatch(r"py(\d)(\d+)", str(settings.get("target-version", "")))
        if match:
            yield int(match[1]), int(match[2])
    for folder in folders:
        project = _table(folder / "pyproject.toml", "project") or {}
        options = _ini(folder / "setup.cfg").get("options", {})
        for specifier in (
            project.get("requires-python"),
            options.get("python_requires"),
            _setup_keyword(folder / "setup.py", "python_requires"),
        ):
            versions = [(int(major), int(minor)) for major, minor in _MINIMUM.findall(str(specifier or ""))]
            if versions:
                yield max(versions)


def _ruff_settings(folders: Sequence[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    for folder in folders:
        for name in _RUFF_FILES:
            settings = _ruff_table(folder / name)
            if settings is not None:
                yield folder / name, _extended(settings, folder / name, (folder / name,))
                break


def _ruff_table(path: Path) -> dict[str, Any] | None:
    return _table(path, "tool", "ruff") if path.name == "pyproject.toml" else _table(path)


def _extended(settings: dict[str, Any], path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """Add what the file named by ``extend`` says (https://docs.astral.sh/ruff/settings/#extend)."""
    if "extend" not in settings:
        return settings
    base = (path.parent / str(settings["extend"])).resolve()
    table = _ruff_table(base) if base not in seen else None
    if table is None:
        raise _unreadable(path, f"`extend` names {base}, which has no settings of ruff or leads back", "remove it")
    return {**_extended(table, base, (*seen, base)), **settings}


def _table(path: Path, *keys: str) -> dict[str, Any] | None:
    """Return a table of a TOML file; None if there is no such file or table."""
    if not path.is_file():
        return None
    try:
        values = _parsed(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error), "repair the file first") from error
    found: Any = values
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


@lru_cache(maxsize=16)
def _parsed(text: str) -> dict[str, Any]:
    """Return what settings say, which nobody changes: a plan asks the same few files for each file that it writes."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


def _ini(path: Path) -> dict[str, dict[str, str]]:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
    except (ConfigError, ValueError) as error:
        raise _unreadable(path, str(error), "repair the file first") from error
    return {section: dict(parser[section]) for section in parser.sections()}


def _setup_keyword(path: Path, name: str) -> str | None:
    """Return a plain string that ``setup.py`` passes by this keyword; the file is read, and never run."""
    if not path.is_file():
        return None
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # in a style of its own: it says nothing that can be read
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == name and isinstance(node.value, ast.Constant):
            return str(node.value.value)
    return None


def _checked(length: Any, path: Path) -> int:
    if isinstance(length, int) and not isinstance(length, bool) and 0 < length <= WIDEST:
        return length
    raise _unreadable(path, f"the line length {length!r}", "correct it", f"a whole number from 1 to {WIDEST}")


def _unreadable(
    path: Path, found: str, remedy: str, expected: str = "settings that ruff, black or flake8 take"
) -> Refusal:
    return Refusal(found, where=str(path), expected=expected, remedy=remedy)
