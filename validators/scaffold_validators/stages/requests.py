"""What stages dummy and real ask: some text, of a model that sees a picture too, and eight requests at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from scaffold_validators.openai_api import Client, Exchange, Request, image_request, text_request
from scaffold_validators.outcome import Conclusion, Outcome
from scaffold_validators.stages.stage import Answers, Ask, Gate

AT_ONCE = (
    "Hello",
    "The capital of France is",
    "Write a sentence about the sea.",
    "1, 2, 3, 4,",
    "def add(a, b):",
    "Translate to French: good morning",
    "Once upon a time, in a small town by the river, there lived an old clockmaker who",
    "Why?",
)
"""Prompts of different lengths and kinds, sent together: a batch is not served as one request is."""


def prepare(gate: Gate) -> Ask:
    """Return what sends the requests of a gate."""

    def ask(client: Client) -> Answers:
        exchanges = tuple(_exchanges(gate, client))
        if not all(exchange.answered for exchange in exchanges) or not client.alive():
            return Answers(exchanges, numbers_of(exchanges))
        gate.report(f"{len(AT_ONCE)} requests at once")
        together = client.send_all(at_once(gate.plan.served_model_name, gate.has_chat_template))
        numbers = {**numbers_of(exchanges), "at_once": numbers_of(together)}
        return Answers(exchanges, numbers, conclude_at_once(together))

    return ask


def at_once(model: str, chat: bool) -> list[Request]:
    """Return the requests that are sent together. An end token does not end them: they are about the batch."""
    return [text_request(model, chat, text, ignore_eos=True) for text in AT_ONCE]


def conclude_at_once(together: Sequence[Exchange]) -> Conclusion | None:
    """Return what is wrong with answers to requests that were sent together, None if nothing is."""
    failed = next((exchange for exchange in together if exchange.status != 200 or exchange.tokens == 0), None)
    if failed is None:
        return None
    said = f"of {len(together)} requests at once one was answered {failed.status} with {str(failed.body)[:200]!r}"
    if failed.timed_out:
        return Conclusion(Outcome.TIMED_OUT, said)
    return Conclusion(Outcome.EMPTY_OUTPUT if failed.status == 200 else Outcome.REQUEST_FAILED, said)


def numbers_of(exchanges: Sequence[Exchange]) -> dict[str, Any]:
    """Return what was measured of requests: how many, why they ended, tokens, seconds."""
    return {
        "requests": len(exchanges),
        "finish_reasons": [exchange.finish_reason for exchange in exchanges],
        "prompt_tokens": [exchange.prompt_tokens for exchange in exchanges],
        "tokens": [exchange.tokens for exchange in exchanges],
        "seconds": [exchange.seconds for exchange in exchanges],
    }


def _exchanges(gate: Gate, client: Client) -> Iterator[Exchange]:
    name = gate.plan.served_model_name
    yield client.send(*text_request(name, gate.has_chat_template))
    if gate.is_multimodal and client.alive():
        yield client.send(*image_request(name))
