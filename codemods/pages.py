"""The pages of all codemods and recipes, and their hooks for pre-commit, each from what its own file says.

``python -m codemods.pages`` writes ``docs/codemods/`` and ``.pre-commit-hooks.yaml`` of this project.
"""

from __future__ import annotations

import difflib
import inspect
import json
import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from codemods.catalog import CODEMODS, FILES
from codemods.codemod import Codemod, Example, RefusedExample, libcst_name
from codemods.recipe import TreeExample
from codemods.recipes import RECIPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from codemods.codemod import Parameter
    from codemods.recipe import Recipe

FOLDER = Path("docs/codemods")
HOOKS = Path(".pre-commit-hooks.yaml")
_NOTE = "make codemod-pages writes this from the codemods' own files"
_WIDTH = 60
"""How much of an argument's value is shown if it is one of many."""


def all_files() -> dict[Path, str]:
    """Return every generated file, below the project's directory, and its text."""
    found = (*CODEMODS, *RECIPES)
    pages = {FOLDER / f"{one.name}.md": page(one) for one in found}
    return {FOLDER / "README.md": index(found), **pages, HOOKS: hooks()}


def index(found: tuple[Codemod | Recipe, ...]) -> str:
    """Return the page that lists all."""
    rows = [f"| [{one.name}]({one.name}.md) | {one.tree} | {one.summary} |" for one in found]
    head = ["| name | tree | what it does |", "| --- | --- | --- |"]
    return "\n".join([f"<!-- {_NOTE} -->", "# All codemods and recipes", "", *head, *rows, ""])


def page(found: Codemod | Recipe) -> str:
    """Return the page of one: what it does, how to call it, its arguments, its examples, what it refuses."""
    parts = [f"<!-- {_NOTE} -->\n# {found.name}", f"{found.summary[0].upper()}{found.summary[1:]}."]
    if isinstance(found, Codemod):
        module = import_module(FILES[found.name])
        parts += [inspect.cleandoc(module.__doc__ or ""), _about(found)]
    else:
        parts.append(f"A recipe of {', '.join(f'[{name}]({name}.md)' for name in _steps(found))}: one run, one undo.")
    parts += ["## Call", _call(found), "## Arguments", _arguments(found.parameters), "## Examples"]
    parts += [_example(example) for example in found.examples if not isinstance(example, RefusedExample)]
    refused = [_refused(example) for example in found.examples if isinstance(example, RefusedExample)]
    parts += ["## Refused", "\n".join(dict.fromkeys(refused))] if refused else []
    return "\n\n".join(part for part in parts if part) + "\n"


def hooks() -> str:
    """Return the hooks: one for each codemod that edits an existing file, for the files that it edits."""
    head = f"# {_NOTE}.\n# Set the arguments as `args`, and the files as `files` if they are elsewhere.\n"
    return head + "".join(_hook(codemod) for codemod in CODEMODS if codemod.edits_alone)


def _hook(codemod: Codemod) -> str:
    rows = {"id": codemod.name, "name": codemod.summary, "entry": f"scaffold run {codemod.name}", "language": "python"}
    if any("{" in target for target in codemod.targets):  # which file it is depends on the arguments
        more: dict[str, object] = {"entry": f"{rows['entry']} .", "pass_filenames": False}
    else:
        more = {"files": f"^(?:{'|'.join(map(re.escape, codemod.targets))})$", "require_serial": True}
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in {**rows, **more}.items()]
    return "- " + "\n  ".join(lines) + "\n"


def _about(codemod: Codemod) -> str:
    places = " or ".join(f"`{target}`" for target in codemod.targets)
    made = ", which it creates if there is none" if codemod.creates else ""
    return f"It edits {places} of {codemod.tree}{made}. Upstream's rule: <{codemod.upstream}>."


def _call(found: Codemod | Recipe) -> str:
    words = [f"{p.name}={'FILE' if p.is_file_text else '…'}" for p in found.parameters if p.default is None]
    lines = [" ".join(["$ scaffold run", found.name, f"/src/{found.tree}", *words])]
    if isinstance(found, Codemod) and found.edits_python and found.edits_alone:
        options = [f"--{p.name.replace('_', '-')} …" for p in found.parameters if p.default is None]
        file = found.targets[0].rpartition("/")[2]
        command = ["$ python -m libcst.tool codemod -x", f"codemods.libcst_commands.{libcst_name(found.name)}"]
        lines.append(" ".join([*command, *options, file]))
    return "\n".join(["```console", *lines, "```"])


def _arguments(parameters: tuple[Parameter, ...]) -> str:
    rows = [f"| `{p.name}` | {p.meaning} | {_default(p)} |" for p in parameters]
    return "\n".join(["| name | meaning | default |", "| --- | --- | --- |", *rows])


def _default(parameter: Parameter) -> str:
    if parameter.default is None:
        return "required"
    return f"`{parameter.default}`" if parameter.default else "nothing"


def _example(example: Example | TreeExample) -> str:
    words = _words(example.arguments)
    if isinstance(example, TreeExample):
        diffs = [f"`{path}`:\n\n{_diff(example.before.get(path, ''), after)}" for path, after in example.after.items()]
        return "\n\n".join([words, *diffs])
    return f"{words}\n\n{_diff(example.before, example.after)}"


def _diff(before: str, after: str | None) -> str:
    if after is None:
        return "is removed."
    if before == after:
        return "changes nothing: it is already there."
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    shown = [line.rstrip() if line[:2] != "@@" else "@@" for line in list(lines)[2:]]
    if shown and shown[0] == "@@":
        shown = shown[1:]
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", before + after)), default=0))
    return "\n".join([f"{fence}diff", *shown, fence])


def _refused(example: RefusedExample) -> str:
    return f"- {_words(example.arguments)}: {json.dumps(example.because, ensure_ascii=False)}"


def _words(arguments: Mapping[str, str]) -> str:
    """Return arguments as a shell takes them; a file's text is shortened."""
    return " ".join(_code(f"{name}={shlex.quote(_short(value))}") for name, value in arguments.items())


def _short(value: str) -> str:
    line = json.dumps(value, ensure_ascii=False)[1:-1] if "\n" in value else value
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"


def _code(text: str) -> str:
    return f"``{text}``" if "`" in text else f"`{text}`"


def _steps(recipe: Recipe) -> list[str]:
    return list(dict.fromkeys(step.codemod for step in recipe.steps))


def main() -> None:
    """Write the files, and remove pages of codemods that are no more."""
    files = all_files()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in sorted(FOLDER.glob("*.md")):
        if old not in files:
            old.unlink()
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
