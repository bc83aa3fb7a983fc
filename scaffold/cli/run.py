"""``scaffold run``: one codemod or recipe, on trees or files; as a command, as a check, as a hook of pre-commit."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codemods.catalog import FILES, find
from codemods.changes.out_of_sight import FOLDER
from codemods.codemod import Codemod, Parameter
from codemods.front_door import RunResult, run
from codemods.recipe import Recipe
from codemods.recipes import RECIPES
from codemods.refusal import Refusal
from scaffold.cli.output import Output, reporting
from scaffold.cli.work import work_directory, work_option
from scaffold.common.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

NO_CHANGE = "nothing to change"
REPLACE = "replace"
"""The argument of a codemod that lets it replace an entry: ``yes`` or ``no``."""


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    names = (*FILES, *(recipe.name for recipe in RECIPES))
    return [name for name in names if name.startswith(incomplete)]


def _words(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete what a place or an argument may be: paths, and the names of the arguments."""
    from click.shell_completion import CompletionItem

    try:
        parameters = find(ctx.params.get("name") or "").parameters
    except Refusal:
        parameters = ()
    found = [f"{p.name}=" for p in parameters if f"{p.name}=".startswith(incomplete)]
    return [CompletionItem(incomplete, type="file"), *map(CompletionItem, found)]


def _as_arguments(ctx: click.Context, param: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words with ``--section=X`` and ``--section X`` as ``section=X``, where there is such an argument.

    Raises:
        UsageError: something begins as an option does, and is neither that nor an argument; or a value is missing.
    """
    try:
        parameters = find(ctx.params.get("name") or "").parameters
    except Refusal:
        return words  # the command itself says that there is no such codemod
    options = {f"--{parameter.name.replace('_', '-')}": parameter.name for parameter in parameters}
    plain: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        option, equals, value = word.partition("=")
        name = options.get(option.replace("_", "-"))
        if not word.startswith("-"):
            plain.append(word)
        elif name is None:
            own = [opt for parameter in ctx.command.params for opt in parameter.opts if opt.startswith("--")]
            raise click.NoSuchOption(option, possibilities=get_close_matches(option, [*own, *options]), ctx=ctx)
        elif equals or left:
            plain.append(f"{name}={value if equals else left.pop(0)}")
        else:
            raise click.BadOptionUsage(option, f"Option {option!r} requires an argument.", ctx=ctx)
    return tuple(plain)


@click.command("run", context_settings={"ignore_unknown_options": True})
@click.argument("name", shell_complete=_names)
@click.argument(
    "words", nargs=-1, metavar="TREE|FILES... ARGUMENT=VALUE...", shell_complete=_words, callback=_as_arguments
)
@click.option("--dry-run", is_flag=True, help="Show the diff; write nothing.")
@click.option("--diff", "with_diff", is_flag=True, help="Also show the diff of what is written.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if something would change.")
@click.option("--replace", is_flag=True, help="Replace or move an existing entry that has other content.")
@click.option(
    "--force", is_flag=True, help="Replace a generated file that has been edited since, instead of merging it."
)
@work_option
@reporting
def command(
    output: Output,
    name: str,
    words: tuple[str, ...],
    dry_run: bool,
    with_diff: bool,
    check: bool,
    replace: bool,
    force: bool,
    **given: Any,
) -> int:
    """Run the codemod or recipe NAME on a source tree, or a codemod on FILES, with ARGUMENTS such as module=nova.

    Everything it does is one run, which `scaffold undo` takes back. An argument that is the text of a file is given as
    the path of that file. A refusal is one line, and nothing is written.
    """
    output.one_line = True
    found = find(name)
    places, values = sort_words(found, words)
    if replace:
        values[REPLACE] = _yes(found)
    journal = work_directory(given) / FOLDER / "journal"
    outcome = run(name, *places, dry_run=dry_run or check, force=force, journal=journal, **values)
    _say(output, outcome, with_diff=dry_run or with_diff)
    output.document(
        {
            "name": name,
            "files": [str(path) for path in outcome.files],
            "dry_run": dry_run or check,
            "changed": outcome.is_changed,
            "written": outcome.is_written,
            "conflicts": [str(path) for path in outcome.changes.conflicts],
            "notes": list(outcome.changes.notes),
            "diff": outcome.diff,
        }
    )
    return 1 if outcome.changes.conflicts or (check and outcome.is_changed) else 0


def sort_words(found: Codemod | Recipe, words: Sequence[str]) -> tuple[list[Path], dict[str, str]]:
    """Tell places and arguments apart: what is ``name=value`` is an argument, unless a file is called so.

    Raises:
        UsageError: there is no place, an argument is given twice, or the file of one cannot be read.
    """
    parameters = {parameter.name: parameter for parameter in found.parameters}
    places: list[Path] = []
    values: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not (key in parameters or (key.isidentifier() and not Path(word).exists())):
            places.append(Path(word))
            continue
        if key in values:
            raise _wrong(found, f"{key} is given twice", "each argument once")
        values[key] = _value(parameters.get(key), value)
    if not places:
        raise _wrong(found, "no source tree and no file", "the top of a source tree, or files of one")
    for place in places:
        if not place.exists():
            raise _wrong(found, f"{place} is not there", "a source tree, a file of one, or name=value")
    return places, values


def _value(parameter: Parameter | None, value: str) -> str:
    if parameter is None or not parameter.is_file_text:
        return value
    try:
        return Path(value).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            str(error), where=f"{parameter.name}={value}", expected="a readable text file", remedy="correct the path"
        ) from error


def _yes(found: Codemod | Recipe) -> str:
    if any(parameter.name == REPLACE for parameter in found.parameters):
        return "yes"
    raise _wrong(found, "--replace", "it only where there is an entry to replace: this one has no such argument")


def _say(output: Output, outcome: RunResult, *, with_diff: bool) -> None:
    if with_diff:
        output.diff(outcome.diff)
    for path in outcome.files:
        output.line(f"{'changed' if outcome.is_written else 'would change'}: {path}")
    for path in outcome.changes.conflicts:
        output.failure(f"{path}: what you edited and what is made now contradict each other: marked as git does")
    if not outcome.is_changed:
        output.line(NO_CHANGE)
    for note in outcome.changes.notes:
        output.line(f"note: {note}")


def _wrong(found: Codemod | Recipe, what: str, expected: str) -> UsageError:
    remedy = f"see scaffold codemod show {found.name}"
    return UsageError(what, where=f"arguments of {found.name}", expected=expected, remedy=remedy)
