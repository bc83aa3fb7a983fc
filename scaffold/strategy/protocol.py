"""What a strategy is: one way in which a model gets served, asked whether it holds for a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from typing import TYPE_CHECKING

from scaffold.capacity.plan import RANKS
from scaffold.common.errors import CheckpointError
from scaffold.idioms.frame import NEWEST, Target
from scaffold.mapping.proved import Proved, prove_weights
from scaffold.roots.vllm_api import vllm_api
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.refused import refused

if TYPE_CHECKING:
    from scaffold.reading.of_checkpoint import Reading
    from scaffold.roots.vllm_tree import Registered, VllmTree


@dataclass(frozen=True)
class Question:
    """A model, and what the target has.

    Attributes:
        registry: the target's registered architectures by name, without those that an earlier run of this tool added.
        tree: the target's vLLM; without one, no class of it can be read.
        same_as: a registered architecture that computes the same, as the user says.
        config_counts: the user believes the config where tensors have more, so that these may be left out.
        ranks: tensor-parallel sizes that are asked for: what cannot be served at one of them does not hold.
    """

    reading: Reading
    registry: Mapping[str, Registered]
    tree: VllmTree | None = None
    same_as: str | None = None
    config_counts: bool = False
    ranks: tuple[int, ...] = (1,)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return all tensor-parallel sizes to prove an implementation at."""
        return tuple(sorted({*RANKS, *self.ranks}))

    @cached_property
    def target(self) -> Target:
        """Return what the target's vLLM offers to a model of this type."""
        if self.tree is None:
            return NEWEST
        cached = self.reading.checkpoint.model_type in self.tree.latent_model_types()
        return Target(cached_latents=cached, **vllm_api(self.tree.root))

    @cached_property
    def config_refused(self) -> str:
        """Return why transformers' class of the model type takes no such ``config.json``; empty if nothing is known.

        vLLM has classes of its own for some model types.
        """
        checkpoint, library = self.reading.checkpoint, self.reading.transformers
        if library is None or (self.tree is not None and checkpoint.model_type in self.tree.config_types()):
            return ""
        return refused(checkpoint.model_type, checkpoint.config, library)

    @cached_property
    def weights(self) -> Proved | str:
        """Return the rules of the checkpoint's tensors by the spec, with their proof; or why there are none."""
        spec, reading = self.reading.spec, self.reading
        if spec.decoder is None:
            return "the spec has holes"
        try:
            return prove_weights(spec.decoder, reading.checkpoint, reading.source, target=self.target)
        except NotUnderstood as error:
            return f"{error.what} ({error.where})"
        except CheckpointError as error:
            return error.found


@dataclass(frozen=True)
class Answer:
    """Whether a strategy holds, and why or why not.

    Attributes:
        entry: the registered implementation that serves the model, if it is one that exists.
        notes: what else there is to know.
        unproved: what could not be decided without running it, and so is left to the twin.
        proved: the weight rules and their proof, where the strategy was asked for them.
        renames: beginnings of the tensors' names → what ``entry`` calls them.
        misfits: tensor-parallel size → why it cannot be served at that; of the usual ones all others were proved.
        counts: what becomes of the tensors, where that is known.
    """

    holds: bool
    reason: str
    entry: Registered | None = None
    notes: tuple[str, ...] = ()
    unproved: tuple[str, ...] = ()
    proved: Proved | None = None
    renames: tuple[tuple[str, str], ...] = ()
    misfits: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    counts: Counts | None = None


@dataclass(frozen=True)
class Counts:
    """What becomes of a checkpoint's tensors: how many are taken and left out, and which are neither for certain."""

    taken: int
    left_out: int
    unknown: tuple[str, ...] = ()


class Adds(Enum):
    """What a strategy adds to the target."""

    NOTHING = auto()
    REGISTRATION = auto()
    """A line that names ``Answer.entry`` for the architecture."""
    MAPPER = auto()
    """A generated subclass of ``Answer.entry`` that renames tensors first, and its registration."""
    MODULE = auto()
    """A generated module and its registration."""


@dataclass(frozen=True)
class Strategy:
    """A row of ``STRATEGIES``.

    Attributes:
        name: what ``--strategy`` calls it.
        holds: answers whether it fits a model.
        adds: what it adds to the target.
        subject: the commit's, without a type, with ``{name}`` for the model's name.
        support: the sentence that documents say of a model that is served in this way.
        model_impl: of ``vllm serve --model-impl``, where it must be stated.
    """

    name: str
    holds: Callable[[Question], Answer]
    adds: Adds
    subject: str
    support: str
    model_impl: str | None = None
