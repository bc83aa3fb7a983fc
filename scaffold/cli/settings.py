"""Defaults from ``scaffold.toml``, ``[tool.scaffold]`` of ``pyproject.toml``, and ``SCAFFOLD_*``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from scaffold.common.errors import UsageError

CONTAINER_ROOTS = {
    "vllm": Path("/vllm-workspace/vllm"),
    "vllm_ascend": Path("/vllm-workspace/vllm-ascend"),
    "work": Path("/workspace"),
}
"""The layout of the official image (vllm-ascend: Dockerfile)."""
KNOWN = {
    "accept_device", "adapter", "allow", "believe", "chat", "delivery", "device", "dtype", "enforce_eager", "force",
    "idle_seconds", "include_path", "lang", "limit", "lm_eval_python", "max_model_len", "max_num_seqs", "model_id",
    "modeling", "name", "no_ladder", "num_fewshot", "on", "output", "patches", "placement", "port", "python",
    "reference_seconds", "request_seconds", "same_as", "search", "slice_layers", "soc", "start_seconds", "strategy",
    "sums", "tp", "trust_remote_code", "twin_seconds", "vllm", "vllm_ascend", "work",
}  # fmt: skip
"""What may be set: options that commands read here. What is written and what excuses evidence is said in the call."""
TEXTS = {
    "accept_device", "adapter", "believe", "delivery", "device", "dtype", "lang", "lm_eval_python", "model_id",
    "modeling", "name", "on", "output", "placement", "python", "same_as", "soc", "strategy", "vllm", "vllm_ascend",
    "work",
}  # fmt: skip
"""Settings that are words or paths."""


def defaults(directory: Path, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return option name → value; the environment wins over the files.

    Raises:
        UsageError: a settings file is no TOML, or sets what nothing reads.
    """
    found: dict[str, Any] = {}
    project = directory / "pyproject.toml"
    if project.is_file():
        found |= _known(_toml(project).get("tool", {}).get("scaffold", {}), f"[tool.scaffold] of {project}")
    own = directory / "scaffold.toml"
    if own.is_file():
        found |= _known(_toml(own), str(own))
    for name, value in environment.items():
        if name.startswith("SCAFFOLD_") and name != "SCAFFOLD_CACHE":
            found[name.removeprefix("SCAFFOLD_").lower()] = value
    return found


def _known(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a table with the names that options have here, all of which have to be known."""
    named = {key.replace("-", "_"): value for key, value in table.items()}
    tables = sorted(key for key, value in table.items() if isinstance(value, Mapping))
    if tables:
        raise UsageError(
            f"a table [{tables[0]}]",
            where=where,
            expected="settings at the top level, without tables below it",
            remedy="move what is in it to the top level",
        )
    unknown = sorted(set(named) - KNOWN)
    if unknown:
        raise UsageError(
            f"{', '.join(unknown)}: no setting of scaffold",
            where=where,
            expected=f"settings: {', '.join(sorted(KNOWN))}",
            remedy=_instead(unknown[0]),
        )
    for key in sorted(TEXTS & named.keys()):
        if not isinstance(named[key], str):
            raise UsageError(
                f"{key}: {named[key]!r}", where=where, expected="a word or a path in quotes", remedy="put it in quotes"
            )
    return named


def _instead(unknown: str) -> str:
    """Return what to do about a key that is no setting: what it is an option of, or the setting that looks like it."""
    setting = _options().get(unknown)
    if setting in KNOWN:
        return f"write {setting}"
    if setting is not None:
        return f"remove it: --{unknown.replace('_', '-')} is said in the call"
    near = get_close_matches(unknown.lower(), sorted(KNOWN), 1)
    return f"write {near[0]}" if near else "remove it, or pass it in the call"


def _options() -> dict[str, str]:
    """Return what options are called on the command line, without dashes in front → what commands call them."""
    import click

    from scaffold.cli.main import COMMANDS, scaffold

    context = click.Context(scaffold)
    commands = (scaffold.get_command(context, name) for name in COMMANDS)
    options = [option for command in commands if command for option in command.params]
    words = [(word, option.name or "") for option in options for word in option.opts if word.startswith("--")]
    return {word.removeprefix("--").replace("-", "_"): name for word, name in words}


def _toml(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise UsageError(
            str(error),
            where=str(path),
            expected="TOML",
            remedy="correct the file, or remove it",
        ) from error


def container_root(name: str) -> Path | None:
    """Return a root of the container's layout if it is there."""
    path = CONTAINER_ROOTS[name]
    return path if path.is_dir() else None
