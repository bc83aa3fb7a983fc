"""What a user asks to have planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codemods import NOTHING, Earlier
from scaffold.placement.vllm import VLLM
from scaffold.strategy.decide import AUTO
from scaffold_validators.verdict import Verdict


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Attributes:
        vllm: the tree that the adapter is for. It is read in any case, and edited with the placement ``vllm``.
        delivery: the vllm-ascend repo; a plugin has none.
        placement: a row of ``PLACEMENTS``.
        output: where a plugin's package goes: None for a folder of its name in the current directory.
        model_id: ``org/name``, as the model is published; None: as the checkpoint says.
        strategy: ``auto``, or a row of ``STRATEGIES``.
        same_as: a registered architecture that a model of an unknown type is the same as, as the user says.
        refuted: strategies that were shown to be wrong, which ``auto`` passes over: name → what showed it.
        transformers: the package directory of the target environment.
        ranks: tensor-parallel sizes that it is to be served at.
        believe: which side is right where config and tensors disagree, ``config`` or ``tensors``; None: not said.
        generated: file → SHA-256 of what this tool wrote there last, None if it did not; see `ChangeSet.create`.
        earlier: file → that text, for the merge with what a person made of it.
        registered_by_us: architectures that an earlier run of this tool registered: they do not count as known.
        verdicts: what was shown of the model so far, for the tutorial.
    """

    checkpoint: Path
    vllm: Path
    delivery: Path | None
    placement: str = VLLM.name
    output: Path | None = None
    name: str | None = None
    model_id: str | None = None
    strategy: str = AUTO
    same_as: str | None = None
    refuted: Mapping[str, str] = field(default_factory=dict)
    modeling: Path | None = None
    transformers: Path | None = None
    believe: str | None = None
    ranks: tuple[int, ...] = (1,)
    patches: Sequence[str] = ()
    trust_remote_code: bool = False
    generated: Callable[[Path], str | None] = lambda path: None
    earlier: Earlier = NOTHING
    registered_by_us: Sequence[str] = ()
    verdicts: Sequence[Verdict] = ()
