"""The option that names the generation of NPUs for stage static."""

from __future__ import annotations

import click

from scaffold.ascend.soc import ASSUMED
from scaffold.checkpoint.ascend_paths import DEVICES

soc_option = click.option(
    "--soc",
    type=click.Choice(DEVICES),
    help=f"Stage static: the generation of NPU (default: the one found here, else {ASSUMED.name}).",
)
