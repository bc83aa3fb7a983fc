"""Real load: prompts of token ids, as many at once as are asked for, each of its own."""

from __future__ import annotations

from scaffold_validators.openai_api import Client, Request
from scaffold_validators.results.capacity import LoadTried
from scaffold_validators.stages.features.proofs import total

FIRST_ID = 16
"""Ids below are mostly special tokens."""
NEW_TOKENS = 16
LOAD_TOKENS = 256
PREEMPTIONS = "vllm:num_preemptions_total"


def long_prompt(model: str, length: int, vocab_size: int) -> Request:
    """Return the request whose prompt and answer together have ``length`` tokens."""
    return _request(model, max(1, length - NEW_TOKENS), vocab_size, 0)


def load(client: Client, model: str, sequences: int, max_model_len: int, vocab_size: int) -> tuple[LoadTried, int]:
    """Send so many different prompts at once; return what is answered, and how many are not within their limit."""
    length = max(1, min(LOAD_TOKENS, max_model_len - NEW_TOKENS))
    before = total(client.metrics(), PREEMPTIONS)
    answers = client.send_all([_request(model, length, vocab_size, number) for number in range(sequences)])
    tokens = [exchange.tokens or 0 for exchange in answers if exchange.status == 200]
    tried = LoadTried(
        sequences=sequences,
        answered=sum(1 for count in tokens if count),
        tokens=sum(tokens),
        seconds=max((exchange.seconds for exchange in answers), default=0.0),
        preempted=round(total(client.metrics(), PREEMPTIONS) - before),
    )
    return tried, sum(exchange.timed_out for exchange in answers)


def _request(model: str, length: int, vocab_size: int, number: int) -> Request:
    span = max(1, vocab_size - FIRST_ID)
    prompt = [(FIRST_ID + (position * 7 + number * 31) % span) % vocab_size for position in range(length)]
    body = {"model": model, "prompt": prompt, "temperature": 0, "max_tokens": NEW_TOKENS, "ignore_eos": True}
    return "/v1/completions", body
