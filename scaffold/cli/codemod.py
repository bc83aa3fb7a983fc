"""``scaffold codemod``: list, show and run codemods and recipes on their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from codemods import CODEMODS, RECIPES, Codemod, Example, Parameter, Recipe, find, run
from codemods.recipe import FileText, ModuleText, Step
from scaffold.cli.output import Output, reporting
from scaffold.cli.roots import Settings, work_option
from scaffold.common.errors import UsageError


@click.group("codemod")
def command() -> None:
    """Small, idempotent edits of source trees, on their own; recipes are several that belong together."""


@command.command("list")
@reporting
def list_command(output: Output) -> None:
    """List all codemods and recipes."""
    columns = ("name", "tree", "what it does")
    output.table("Codemods", columns, [(c.name, c.tree, c.summary) for c in CODEMODS])
    output.table("Recipes", columns, [(r.name, r.tree, r.summary) for r in RECIPES])
    output.document(
        {
            "codemods": [{"name": c.name, "tree": c.tree, "summary": c.summary} for c in CODEMODS],
            "recipes": [
                {"name": r.name, "tree": r.tree, "summary": r.summary, "codemods": [step.codemod for step in r.steps]}
                for r in RECIPES
            ],
        }
    )


@command.command("show")
@click.argument("name")
@reporting
def show_command(output: Output, name: str) -> None:
    """Show what a codemod or a recipe takes and does, by its examples."""
    found = find(name)
    output.line(f"{found.name}: {found.summary}")
    if isinstance(found, Codemod):
        output.line(f"file: {' or '.join(found.targets)}\nsource: {found.upstream}")
    else:
        for step in found.steps:
            output.line(f"step: {_said(step)}")
    parameters = [(p.name, p.meaning, "required" if p.default is None else repr(p.default)) for p in found.parameters]
    output.table("Arguments", ("name", "meaning", "default"), parameters)
    for example in _examples(found):
        output.line(example)
    document: dict[str, Any] = {"name": found.name, "parameters": [p[0] for p in parameters]}
    if isinstance(found, Recipe):
        document["codemods"] = [step.codemod for step in found.steps]
    output.document(document)


@command.command("run")
@click.argument("name")
@click.argument("place", type=click.Path(path_type=Path))
@click.argument("arguments", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Show the diff, write nothing at all.")
@work_option
@reporting
def run_command(
    output: Output, name: str, place: Path, arguments: tuple[str, ...], dry_run: bool, **given: Any
) -> None:
    """Run a codemod or a recipe on PLACE, a source tree, with ARGUMENTS such as module=nova.

    A codemod takes one file of a tree as PLACE, too. An argument that is the text of a file is given as the path of
    that file. `scaffold undo` takes the run back.
    """
    found = find(name)
    values = _parse(found.name, found.parameters, arguments)
    outcome = run(name, place, dry_run=dry_run, journal=Settings(given).workspace().journal, **values)
    output.diff(outcome.diff)
    output.line("written" if outcome.is_written else "not written: dry run" if outcome.is_changed else NO_CHANGE)
    output.document(
        {
            "name": name,
            "files": [str(path) for path in outcome.files],
            "dry_run": dry_run,
            "changed": outcome.is_changed,
            "diff": outcome.diff,
        }
    )


NO_CHANGE = "nothing to change"


def _said(step: Step) -> str:
    feeds = []
    for name, feed in step.feeds.items():
        if isinstance(feed, FileText):
            feeds.append(f"{name}=<{feed.path}>")
        elif isinstance(feed, ModuleText):
            feeds.append(f"{name}=<the module of {{{feed.target}}} in {{{feed.tree}}}>")
        else:
            feeds.append(f"{name}={feed}")
    conditions = [f"where there is {step.only_with}"] if step.only_with else []
    conditions += [f"where there is no {step.only_without}"] if step.only_without else []
    return ", ".join([" ".join([step.codemod, *feeds]), *conditions])


def _examples(found: Codemod | Recipe) -> Iterator[str]:
    if isinstance(found, Codemod):
        for example in found.examples:
            result = example.after if isinstance(example, Example) else f"refused: {example.because}"
            yield f"--- {_written(example.arguments)}\n{example.before}\n--- becomes\n{result}"
        return
    for tree in found.examples:
        before, after = _files(tree.before), _files(tree.after)
        yield f"--- {_written(tree.arguments)}\n{before}\n--- becomes\n{after}"


def _files(texts: Mapping[str, str | None]) -> str:
    return "\n".join(f"--- {path}\n{'(removed)' if text is None else text}" for path, text in texts.items())


def _written(arguments: Mapping[str, str]) -> str:
    return " ".join(f"{key}={value!r}" for key, value in arguments.items())


def _parse(name: str, parameters: tuple[Parameter, ...], arguments: tuple[str, ...]) -> dict[str, str]:
    texts = {parameter.name for parameter in parameters if parameter.is_file_text}
    values = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise UsageError(
                repr(argument),
                where=f"arguments of {name}",
                expected="name=value",
                remedy=f"see scaffold codemod show {name}",
            )
        values[key] = _text(key, Path(value)) if key in texts else value
    return values


def _text(key: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            str(error), where=f"{key}={path}", expected="a readable text file", remedy="correct the path"
        ) from error
