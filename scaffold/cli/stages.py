"""Which stages are run: the option of ``validate`` and ``new-model``."""

from __future__ import annotations

import click

from scaffold_validators.stages.stage import Stage
from scaffold_validators.stages.table import default_gates, gates, with_needs

STATIC = "static"
"""Before any server: `scaffold.running.static`."""
ALL = "all"
GATES = tuple(stage.name for stage in gates())
DEFAULT = tuple(stage.name for stage in default_gates())


def _one(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> str | None:
    if len(given) > 1:
        raise click.BadParameter(f"{', '.join(given)}: one stage in a call; {ALL} is all of them", context, parameter)
    return given[0] if given else None


stage_option = click.option(
    "--stage",
    type=click.Choice([STATIC, *GATES, ALL]),
    multiple=True,
    callback=_one,
    help=f"Which gates to run (default: {', '.join(DEFAULT)}).",
)


def chosen_stages(name: str | None) -> tuple[Stage, ...]:
    """Return the stages of a name, of ``all``, or those that are run where nobody says which."""
    names = {None: DEFAULT, ALL: GATES, STATIC: ()}.get(name)
    return with_needs((str(name),) if names is None else names)
