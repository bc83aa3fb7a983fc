"""Prove: what a strategy adds must take every tensor of the checkpoint and fill every parameter."""

from __future__ import annotations

from scaffold.common.errors import CheckFailed
from scaffold.idioms.frame import Target
from scaffold.mapping.proved import Proved, prove_weights
from scaffold.planning.read import Subject
from scaffold.roots.vllm_api import vllm_api
from scaffold.strategy.decide import Decision
from scaffold.strategy.protocol import Adds
from scaffold.weights.quantisation import quantisation_of


def prove(decision: Decision, subject: Subject) -> Proved | None:
    """Return the weight rules of the module that the strategy adds, with their proof, which may fail.

    Raises:
        NotUnderstood: the tensors lie in a way that there is no rule for.
        CheckpointError: the checkpoint is quantised in a way that is not known.
    """
    reading = subject.reading
    if decision.strategy.adds is not Adds.MODULE or reading.spec.decoder is None:
        return None
    quantisation_of(reading.checkpoint.config, reading.checkpoint.tensors)  # rules of others hold, adapters do not
    return prove_weights(reading.spec.decoder, reading.checkpoint, reading.source, target=target_of(subject))


def check_proof(proved: Proved | None, name: str) -> None:
    """Check that a proof holds, if there is one.

    Raises:
        CheckFailed: it fails.
    """
    if proved is None or proved.proof.holds:
        return
    raise CheckFailed(
        "; ".join(map(str, proved.proof.findings)),
        where=f"weights of {name}",
        expected="rules that take every tensor once and fill every parameter",
        remedy="see scaffold inspect for the spec; a tensor that no rule takes is a part that was not read",
    )


def target_of(subject: Subject) -> Target:
    """Return what the target's vLLM offers to a model of this type."""
    cached = subject.reading.checkpoint.model_type in subject.tree.latent_model_types()
    return Target(cached_latents=cached, **vllm_api(subject.tree.root))
