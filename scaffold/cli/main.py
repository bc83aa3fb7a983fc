"""The group of commands, and what every command ends with: an exit code and one message."""

from __future__ import annotations

import gc
import importlib
import signal
import sys
from contextlib import suppress
from difflib import get_close_matches
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from scaffold.cli.one_core import one_core

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "inspect": "Show what a checkpoint's model is, fact by fact, with evidence.",
    "weights": "Show where each tensor goes, proved from the headers for each tensor-parallel size.",
    "new-model": "The main job: plan, generate, patch; on request, serve and commit as well.",
    "twin": "Prove a plugin on a twin, a small random copy of the model.",
    "survey": "Find out which of vLLM's own text decoders compute what transformers computes.",
    "validate": "Serve a planned model and have it answer real requests.",
    "fleet": "Run the gates of many planned models, side by side on a Ray cluster.",
    "diagnose": "Explain failures in serve logs: the cause, what followed, what to do.",
    "evaluate": "Measure the accuracy of a planned model with lm_eval.",
    "report": "Write a planned model's report and runbook, in Chinese or English, or a comment for its issue.",
    "commit": "Make one signed-off commit of the planned files, if the evidence suffices.",
    "undo": "Take back the last run.",
    "skill": "Write the instructions with which an agent does all this, step by step.",
    "run": "Apply one codemod or recipe to source trees or files.",
    "codemod": "List, show and run codemods on their own.",
}
"""Name and help line of each command; ``new-model`` is ``command`` in ``scaffold/cli/new_model.py``."""
INTERRUPTED = 130
RARELY = (500_000, 50, 50)
"""When garbage is looked for: syntax trees are many small objects that stay, and looking takes a tenth of a command."""


class Commands(click.Group):
    """A group that imports a command when it is called: ``--help`` and ``--version`` stay fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        with one_core():
            module = importlib.import_module(f"scaffold.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], COMMANDS, 1)
            if not near or "mean" in error.message:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]}?", ctx) from error

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="vllm-ascend-scaffold", prog_name="scaffold")
def scaffold() -> None:
    """Bring a model onto vLLM for Ascend NPU: from a checkpoint directory to one signed-off commit.

    Exit codes: 0 done, 1 a check or gate says no, 2 the input or the call is wrong, 3 the environment lacks something.
    Defaults come from scaffold.toml, [tool.scaffold] in pyproject.toml, and SCAFFOLD_*.
    """


def main() -> NoReturn:
    """Run the command line."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup: a dropped connection ends nothing
            signal.signal(number, _interrupt)
    gc.set_threshold(*RARELY)
    try:
        sys.exit(scaffold.main(standalone_mode=False))
    except click.exceptions.Abort:
        with suppress(OSError):  # the terminal may have gone
            click.echo("interrupted: what was started has been ended", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        sys.stderr.close()
        sys.exit(1)
    finally:
        gc.freeze()  # the process ends: looking once more for garbage takes longer than a third of a plan


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """End as on Ctrl-C, so that servers are ended too."""
    raise KeyboardInterrupt
