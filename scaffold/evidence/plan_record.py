"""What is remembered of a plan once it has been applied: enough for gates and commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scaffold.delivery.own_lines import Edit
from scaffold.placement.registration import Registration
from scaffold_validators.records import Kind


@dataclass(frozen=True)
class Served:
    """What a plan had vLLM serve an architecture with, by name: its text is in the tree.

    Attributes:
        module: the generated module below vLLM's models; empty where the class is one of vLLM's own.
        config_module: the generated module of a config's class; empty without one.
    """

    registration: Registration
    module: str = ""
    config_module: str = ""
    config_class: str = ""
    model_type: str = ""


@dataclass(frozen=True)
class PlanRecord:
    """A planned model.

    Attributes:
        documents: the context of test config and tutorial, but for the verdicts.
        checkpoint: its directory.
        vllm: the root of the vLLM tree.
        delivery: the root of the repo that is committed to.
        vllm_files: what was written below the vLLM tree, relative to it, with slashes.
        delivery_files: likewise.
        edits: what its runs did to files that were there before, in both trees, the oldest first.
        served: what it added to vLLM's tree; None where that is nothing, or is in the delivery repo already.
        carried: what was written below the delivery repo for what is in vLLM's tree, when a commit was asked for.
        overrides: what the server has to be told of the config, as ``--hf-overrides`` takes it.
        believe: the side that the user believes where config and tensors disagree; empty where they said nothing.
        commits: hashes of the commits that were made of it, the oldest first.
    """

    name: str
    architecture: str
    strategy: str
    documents: Mapping[str, Any]
    checkpoint: str
    vllm: str
    delivery: str
    vllm_files: tuple[str, ...]
    delivery_files: tuple[str, ...]
    edits: tuple[Edit, ...] = ()
    served: Served | None = None
    carried: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    believe: str = ""
    commits: tuple[str, ...] = ()


PLAN = Kind("plan", 6, PlanRecord, remedy="run scaffold new-model for this model again, which writes it anew")
