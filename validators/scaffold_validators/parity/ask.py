"""What a server says of the prompts, through its API."""

from __future__ import annotations

from collections.abc import Sequence

from scaffold_validators.openai_api import Client, Exchange
from scaffold_validators.parity.judge import Answered
from scaffold_validators.parity.prompts import NEW_TOKENS, Prompt


class NotAnswered(Exception):  # noqa: N818 - the server's doing, which its verdict tells
    """What came back instead of log probabilities, as a sentence."""


def max_model_len(client: Client) -> int:
    """Return how many tokens the server takes, as ``/v1/models`` lists it.

    Raises:
        NotAnswered: it does not say.
    """
    listed = client.send("/v1/models", None)
    try:
        return int(listed.body["data"][0]["max_model_len"])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise NotAnswered(f"/v1/models answered {listed.status} without max_model_len: {_shown(listed)}") from error


def ask_server(client: Client, model: str, prompts: Sequence[Prompt]) -> tuple[Answered, ...]:
    """Return the greedy tokens after each prompt, and the log probability of every token but the first.

    Raises:
        NotAnswered: a request was not answered with them.
    """
    return tuple(_answered(client, model, prompt) for prompt in prompts)


def _answered(client: Client, model: str, prompt: Prompt) -> Answered:
    body = {
        "model": model,
        "prompt": list(prompt),
        "max_tokens": NEW_TOKENS,
        "temperature": 0,
        "logprobs": 0,
        "prompt_logprobs": 0,
        "return_token_ids": True,
        "ignore_eos": True,
    }
    exchange = client.send("/v1/completions", body)
    if exchange.status != 200:
        raise NotAnswered(f"/v1/completions answered {exchange.status}: {_shown(exchange)}")
    try:
        (choice,) = exchange.body["choices"]
        before = [entry[str(token)]["logprob"] for token, entry in zip(prompt[1:], choice["prompt_logprobs"][1:])]
        generated = tuple(map(int, choice["token_ids"]))
        logprobs = tuple(map(float, (*before, *choice["logprobs"]["token_logprobs"])))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise NotAnswered(f"/v1/completions answered 200 without log probabilities: {_shown(exchange)}") from error
    if len(generated) != NEW_TOKENS or len(logprobs) != len(prompt) - 1 + NEW_TOKENS:
        said = f"{len(generated)} tokens and {len(logprobs)} log probabilities"
        raise NotAnswered(f"/v1/completions answered {said} where {NEW_TOKENS} tokens were asked for")
    return Answered(prompt, generated, logprobs)


def _shown(exchange: Exchange) -> str:
    return str(exchange.body)[:300]
