"""Stages P and S: the same tokens through the server and through transformers give the same numbers.

The server is asked while it is up. The reference runs after it has ended: it needs the memory, and no verdict of a
server waits for it.
"""

from __future__ import annotations

from scaffold_validators.openai_api import Client
from scaffold_validators.outcome import Conclusion, Outcome
from scaffold_validators.parity.ask import NotAnswered, ask_server, max_model_len
from scaffold_validators.parity.dtype import served_dtype
from scaffold_validators.parity.judge import EXACT, Answered, compare
from scaffold_validators.parity.overrides import overrides_in
from scaffold_validators.parity.prompts import make_prompts
from scaffold_validators.reference.dequantise import Dequantisation, dequantisation_of
from scaffold_validators.reference.run import NoReference, Reference, Rows, run_reference
from scaffold_validators.stages.stage import Answers, Ask, Gate, Served


def prepare(gate: Gate) -> Ask:
    """Return what asks the server, and afterwards compares its answers with the reference."""
    reference = References(gate)

    def ask(client: Client) -> Answers:
        gate.report("asking for the log probabilities of some prompts")
        try:
            prompts = make_prompts(gate.vocab_size, max_model_len(client), gate.parity.window)
            answered = ask_server(client, gate.plan.served_model_name, prompts)
        except NotAnswered as error:
            return Answers(conclusion=Conclusion(Outcome.REQUEST_FAILED, str(error)))
        except ValueError as error:  # too few tokens
            return Answers(conclusion=Conclusion(Outcome.NO_REFERENCE, f"nothing was compared: {error}"))
        return Answers(afterwards=lambda served: _compared(reference, answered, served))

    return ask


def _compared(reference: References, answered: tuple[Answered, ...], served: Served) -> Answers:
    try:
        dtype = served_dtype(served.log)
        if dtype is None:
            raise NoReference("the log of the server does not say in which dtype it computes")
        rows = reference.of(answered, dtype)
        found = compare(answered, rows[EXACT], None if dtype == EXACT else rows[dtype], dtype)
    except NoReference as error:
        return Answers(conclusion=Conclusion(Outcome.NO_REFERENCE, str(error)))
    numbers = {**found.numbers(), "reference": reference.what}
    return Answers(numbers=numbers, conclusion=found.conclusion)


class References:
    """The reference of one gate: what it said of the same tokens before, or why there was none, holds again."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self._said: dict[tuple[object, ...], dict[str, Rows]] = {}
        self._none: NoReference | None = None

    @property
    def what(self) -> str:
        """Return what the reference is."""
        version = self.gate.plan.engine.versions.get("transformers", "")
        weights = ", weights dequantised" if self.gate.parity.quant_method else ""
        return f"transformers {version}".strip() + weights

    def of(self, answered: tuple[Answered, ...], dtype: str) -> dict[str, Rows]:
        """Return dtype → what the reference says of the tokens.

        Raises:
            NoReference: there is none.
        """
        if self._none is not None:
            raise self._none
        key = (dtype, *(said.tokens for said in answered))
        try:
            if key not in self._said:
                self._said[key] = self._run([said.tokens for said in answered], dtype)
        except NoReference as error:
            self._none = error
            raise
        return self._said[key]

    def _run(self, sequences: list[tuple[int, ...]], dtype: str) -> dict[str, Rows]:
        plan, settings = self.gate.plan, self.gate.parity
        how = _dequantisation(settings.quant_method)
        self.gate.report(f"running the reference (transformers) in float32 and {dtype}, up to {settings.seconds:.0f} s")
        try:
            overrides = overrides_in(plan.extra)
        except ValueError as error:
            raise NoReference(f"there is no reference: {error}") from error
        place = (plan.engine.python, plan.model, plan.trust_remote_code)
        reference = Reference(*place, overrides, how, settings.seconds)
        return run_reference(reference, sequences, (dtype,))


def _dequantisation(method: str) -> Dequantisation | None:
    """Return how weights are dequantised; None for plain ones.

    Raises:
        NoReference: transformers cannot.
    """
    how = dequantisation_of(method) if method else None
    if method and how is None:
        raise NoReference(f"there is no reference: transformers does not load {method} weights dequantised")
    return how
