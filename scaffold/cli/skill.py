"""``scaffold skill``: what an agent reads to do the main job with this tool, step by step."""

from __future__ import annotations

from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path

import click

from scaffold.cli.output import Output, reporting

TEMPLATE = Path(__file__).with_name("SKILL.md.jinja")
FILE = "SKILL.md"
EXCUSES = ("--without", "--without-parity", "--accuracy-pending", "--accept-device", "--allow")
"""Options that let something pass without evidence: a person's to decide."""


@click.command("skill")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Write SKILL.md into this folder.")
@reporting
def command(output: Output, /, **given: Path | None) -> None:
    """Show the skill for agents: the steps of the main job, its rules, and what to do at each refusal.

    Agents look for it in a folder of that name among their skills, such as .agents/skills/vllm-ascend-scaffold.
    """
    text, folder = skill_text(), given["output"]
    output.document({"skill": text})
    if folder is None:
        output.line(text.rstrip())
        return
    path = _write(folder, text)
    output.document({"written": str(path)})
    output.line(f"written: {path}")


def skill_text(commands: Collection[str] | None = None, options: Collection[str] | None = None) -> str:
    """Return the skill, for the commands and options that this release has, or for those that are given."""
    from jinja2 import Environment, StrictUndefined

    from scaffold.cli.main import COMMANDS
    from scaffold.strategy.table import NAMES

    known = known_options() if options is None else options
    markdown = Environment(undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701 - it is no HTML
    return markdown.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        version=version("vllm-ascend-scaffold"),
        commands=tuple(COMMANDS if commands is None else commands),
        options=known,
        excuses=", ".join(f"`{option}`" for option in EXCUSES if option in known),
        strategies=", ".join(NAMES),
    )


def known_options() -> frozenset[str]:
    """Return the options of all commands."""
    from scaffold.cli.main import COMMANDS, scaffold

    found: set[str] = set()
    for name in COMMANDS:
        command = scaffold.get_command(click.Context(scaffold), name)
        found |= {word for parameter in (command.params if command else ()) for word in parameter.opts}
    return frozenset(found)


def _write(folder: Path, text: str) -> Path:
    """Write it, unless there is another one.

    Raises:
        UsageError: there is a file with other contents, or the disk refuses.
    """
    from scaffold.common.errors import UsageError

    path = folder / FILE
    try:
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise UsageError(
                "another skill is there",
                where=str(path),
                expected="no file, or this text",
                remedy="remove or rename it, or name another folder with --output",
            )
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            error.strerror or str(error),
            where=str(path),
            expected="a folder that can be written to",
            remedy="name another one with --output",
        ) from error
    return path
