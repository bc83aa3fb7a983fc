"""``native``: every block was recognised, so an adapter is generated from vLLM's own layers."""

from __future__ import annotations

from scaffold.common.errors import CheckpointError
from scaffold.spec.holes import listed
from scaffold.strategy.config_loads import against_config
from scaffold.strategy.gate import against_sizes, prove_files
from scaffold.strategy.protocol import Adds, Answer, Counts, Question, Strategy
from scaffold.weights.quantisation import quantisation_of
from scaffold.weights.ranks import misfits

PARTS = "the decoder inside of {} was read, and an adapter of the parts around it is not generated yet"


def holds(question: Question) -> Answer:
    """Return whether the spec has no hole, no parts around the decoder, and rules that fit the tensors."""
    spec = question.reading.spec
    if spec.decoder is None or spec.holes:
        return Answer(False, listed(spec.holes))
    if spec.decoder.text_key:
        return Answer(False, PARTS.format(spec.decoder.text_key))
    try:  # rules of other quantisations are proved, and adapters do not dequantise them
        quantisation_of(question.reading.checkpoint.config, question.reading.checkpoint.tensors)
    except CheckpointError as error:
        return Answer(False, f"{error.found}; adapters dequantise {error.expected} alone")
    weights = question.weights
    if isinstance(weights, str):
        return Answer(False, weights)
    if not weights.proof.holds:
        told = prove_files(question).against or tuple(map(str, weights.proof.findings))
        return Answer(False, "; ".join(told), proved=weights)
    config = against_config(question)
    if config:
        return Answer(False, "; ".join(config), proved=weights)
    unfit = misfits(weights.weight_map, question.sizes)
    wrong = "; ".join(against_sizes(question, unfit))
    if wrong:
        return Answer(False, wrong, proved=weights)
    notes = tuple(
        f"left out, {part.num_tensors} tensors: the {part.kind} {part.name}, {part.left_out}" for part in spec.others
    )
    counts = Counts(weights.proof.routed, weights.proof.ignored)
    reason = "every block was recognised"
    return Answer(True, reason, notes=notes, proved=weights, misfits=unfit, counts=counts)


NATIVE = Strategy(
    name="native",
    holds=holds,
    adds=Adds.MODULE,
    subject="Add {name}",
    support="vLLM serves it by a native implementation that was added for it.",
)
