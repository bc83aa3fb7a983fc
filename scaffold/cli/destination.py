"""Where ``new-model`` puts an adapter: the placement, and the roots that it reads and edits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scaffold.cli.roots import Settings
from scaffold.common.errors import EnvironmentLacks, UsageError
from scaffold.placement.plugin import PLUGIN
from scaffold.placement.table import PLACEMENTS
from scaffold.placement.vllm import VLLM
from scaffold_validators.engine import Engine


@dataclass(frozen=True)
class Destination:
    """The roots of one run; see `scaffold.planning.request.Request`."""

    placement: str
    vllm: Path
    delivery: Path | None
    output: Path | None


def find_destination(settings: Settings, engine: Engine | None) -> Destination:
    """Return where things go: a plugin where no source tree is named or found.

    A plugin is made for a certain vLLM, too: for the tree that is named, else for the one that the environment runs.

    Raises:
        UsageError: a root is missing, or ``--output`` is given for another placement than a plugin.
        EnvironmentLacks: a plugin, and neither a tree nor an environment to make it for.
    """
    placement = settings.get("placement") or (VLLM if settings.names_a_tree() else PLUGIN).name
    output = settings.path("output")
    if PLACEMENTS[placement].edits_trees:
        if output is not None:
            raise UsageError(
                f"--output {output} with --placement {placement}",
                where="the call",
                expected="--output only for a plugin: other placements edit the trees",
                remedy="leave --output out, or pass --placement plugin",
            )
        return Destination(placement, settings.vllm(), settings.delivery(), None)
    if settings.has_vllm():
        return Destination(placement, settings.vllm(), None, output)
    if engine is None and settings.get("placement") is None:
        raise EnvironmentLacks(
            "no source tree, and no environment that has vLLM",
            where="the call",
            expected="the trees that are edited and committed to; or, for a plugin, the vLLM that it is made for",
            remedy="pass --vllm and --vllm-ascend (in the container they are found), or --python for a plugin",
        )
    if engine is None:
        raise EnvironmentLacks(
            "no vLLM to make the plugin for",
            where="--python",
            expected="the environment that will serve the model, or a vLLM source tree",
            remedy="pass its Python with --python, or a tree with --vllm",
        )
    return Destination(placement, engine.vllm_file.parent.parent, None, output)
