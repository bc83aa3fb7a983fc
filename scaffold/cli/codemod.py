"""``scaffold codemod``: list, show and run codemods and recipes on their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from codemods import CODEMODS, RECIPES, Codemod, Example, Recipe, find
from codemods.recipe import Step
from scaffold.cli.output import Output, reporting
from scaffold.cli.run import command as run_command


@click.group("codemod")
def command() -> None:
    """Small, idempotent edits of source trees; a recipe is several of them that belong together."""


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
    """Show what a codemod or recipe takes and does, with examples."""
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


command.add_command(run_command)


def _said(step: Step) -> str:
    feeds = [f"{name}={feed}" if isinstance(feed, str) else f"{name}=<{feed}>" for name, feed in step.feeds.items()]
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
