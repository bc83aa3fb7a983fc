"""What of vLLM's API a source tree has, where releases differ: the tree's own text decides, not its version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scaffold_validators.calls import signature
from scaffold_validators.imports import has_name

MOE = "vllm.model_executor.layers.fused_moe"
ROPE = "vllm.model_executor.layers.rotary_embedding.yarn_scaling_rope"
UTILS = "vllm.model_executor.models.utils"


@dataclass(frozen=True)
class Difference:
    """Something that a tree has or lacks.

    Attributes:
        key: what the template calls it.
        found: tells from a tree's text whether it is there.
        since: the first release that has it, as measured; never used to decide.
        without: what an adapter does where it is not there.
    """

    key: str
    found: Callable[[Path], bool]
    since: str
    without: str


def _name(module: str, name: str) -> Callable[[Path], bool]:
    return lambda tree: has_name(tree, module, name)


def _argument(module: str, callee: str, argument: str) -> Callable[[Path], bool]:
    def found(tree: Path) -> bool:
        taken = signature(tree, module, callee)
        return taken is not None and argument in taken.keywords

    return found


DIFFERENCES = (
    Difference("moe_factory", _name(MOE, "FusedMoEFactory"), "0.28", "the experts' layer is called FusedMoE"),
    Difference(
        "stacked_mapper",
        _argument(UTILS, "WeightsMapper", "orig_to_new_stacked"),
        "0.24",
        "the adapter's load_weights fills stacked parameters itself, by a table",
    ),
    Difference(
        "expert_names",
        lambda tree: not _argument(MOE, "FusedMoE", "expert_mapping")(tree),
        "0.24",
        "the experts' layer is told which checkpoint name is which of its shards",
    ),
    Difference(
        "tied_skipped",
        lambda tree: not _argument(UTILS, "AutoWeightsLoader", "skip_prefixes")(tree),
        "0.30",
        "the loader is told to skip a tied head that the files have",
    ),
    Difference(
        "yarn_magnitude",
        _argument(ROPE, "YaRNScalingRotaryEmbedding", "attention_factor"),
        "0.30",
        "the rotation is told which share of yarn's usual magnitude it takes",
    ),
)
"""Where releases from 0.23 to 0.33 differ in what adapters use. An API that is missing without a row here is no
guess: the checks of imports and calls in `scaffold_validators` find it in the finished adapter, and refuse it."""


def vllm_api(tree: Path) -> dict[str, bool]:
    """Return what a tree has, by key, as the template's context."""
    return {row.key: row.found(tree) for row in DIFFERENCES}
