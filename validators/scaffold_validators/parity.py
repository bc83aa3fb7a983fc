"""Stage P: the same tokens through the reference implementation and the server must give the same numbers."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold_validators.engine import Engine
from scaffold_validators.openai_api import Client
from scaffold_validators.outcome import Outcome
from scaffold_validators.problem import Problem
from scaffold_validators.processes import run
from scaffold_validators.records import last_line

TOLERANCE = 1e-3
"""Largest difference of log probabilities, in nats. In float32 right implementations differ by some 1e-5."""
NEW_TOKENS = 12
LENGTHS = (16, 33, 48)
"""Tokens of the prompts: longer than one attention block, no power of two among them but one."""
REFERENCE = Path(__file__).with_name("reference.py")
Prompt = tuple[int, ...]


@dataclass(frozen=True)
class ReferenceRow:
    """What ``reference.py`` says of one prompt."""

    logprobs: tuple[float, ...]
    greedy: tuple[int, ...]
    greedy_logprobs: tuple[float, ...]


@dataclass(frozen=True)
class Prompts:
    """Prompts and what the reference implementation makes of each."""

    tokens: tuple[Prompt, ...]
    logprobs: tuple[tuple[float, ...], ...]
    """Of each prompt token but the first, given the ones before it."""
    greedy: tuple[tuple[int, ...], ...]
    greedy_logprobs: tuple[tuple[float, ...], ...]


def make_prompts(vocab_size: int, seed: int = 0) -> tuple[Prompt, ...]:
    """Return fixed prompts of token ids; the lowest ids, which are special tokens, are left out."""
    rng = random.Random(seed)  # noqa: S311 - no secret hangs on it
    low = min(8, vocab_size // 2)
    return tuple(tuple(rng.randrange(low, vocab_size) for _ in range(n)) for n in LENGTHS)


def run_reference(engine: Engine, model: Path, prompts: tuple[Prompt, ...], trust_remote_code: bool = False) -> Prompts:
    """Run transformers on the prompts, in float32, in a process of the engine's Python.

    Raises:
        Problem: transformers cannot run the model there.
    """
    asked = {
        "model": str(model),
        "prompts": prompts,
        "new_tokens": NEW_TOKENS,
        "trust_remote_code": trust_remote_code,
    }
    ended = run(
        [str(engine.python), str(REFERENCE)],
        cwd=Path("/"),
        env={"TOKENIZERS_PARALLELISM": "false"},
        text=json.dumps(asked),
    )
    if ended.returncode != 0:
        raise _no_reference(model, f"the reference run ended with {ended.returncode}: {ended.errors.strip()[-600:]}")
    try:
        rows = last_line(ended.output, list[ReferenceRow], "rows")
    except ValueError as error:
        raise _no_reference(model, f"the reference run answered something else: {error}") from error
    return Prompts(
        tokens=prompts,
        logprobs=tuple(row.logprobs for row in rows),
        greedy=tuple(row.greedy for row in rows),
        greedy_logprobs=tuple(row.greedy_logprobs for row in rows),
    )


def _no_reference(model: Path, found: str) -> Problem:
    return Problem(
        found,
        where=str(model),
        expected="a model that the environment's transformers can run",
        remedy="see the error; without a reference there is no stage parity",
    )


@dataclass(frozen=True)
class Comparison:
    """Per prompt: the largest difference, and how many greedy tokens agree from the first on."""

    differences: tuple[float, ...]
    agreeing: tuple[int, ...]
    error: str = ""

    @property
    def holds(self) -> bool:
        """Return whether all differences are within the tolerance and all greedy tokens agree."""
        return (
            not self.error
            and bool(self.differences)
            and all(d <= TOLERANCE for d in self.differences)  # a NaN is not
            and all(n == NEW_TOKENS for n in self.agreeing)
        )

    @property
    def outcome(self) -> Outcome:
        """Return how the stage ends by it."""
        if self.error:
            return Outcome.REQUEST_FAILED
        return Outcome.PASSED if self.holds else Outcome.WRONG_OUTPUT

    @property
    def largest(self) -> float:
        """Return the largest difference; NaN if there is one."""
        return math.nan if any(map(math.isnan, self.differences)) else max(self.differences, default=math.nan)

    @property
    def reason(self) -> str:
        """Return the numbers as a sentence."""
        if self.error:
            return self.error
        return (
            f"log probabilities differ by at most {self.largest:.1e}, "
            f"{min(self.agreeing)} of {NEW_TOKENS} greedy tokens agree"
        )

    def numbers(self) -> dict[str, Any]:
        """Return the numbers for the verdict, None in place of a NaN."""
        return {
            "largest_logprob_difference": or_none(self.largest),
            "logprob_differences": [or_none(difference) for difference in self.differences],
            "greedy_tokens_agreeing": list(self.agreeing),
            "tolerance": TOLERANCE,
        }


def or_none(number: float) -> float | None:
    """Return a number, or None for one that JSON does not have."""
    return number if math.isfinite(number) else None


def compare(client: Client, model: str, prompts: Prompts) -> Comparison:
    """Send the prompts to the server and compare."""
    differences, agreeing = [], []
    for index, tokens in enumerate(prompts.tokens):
        body = {
            "model": model,
            "prompt": list(tokens),
            "max_tokens": NEW_TOKENS,
            "temperature": 0,
            "logprobs": 0,
            "prompt_logprobs": 0,
            "return_token_ids": True,
            "ignore_eos": True,
        }
        exchange = client.send("/v1/completions", body)
        if exchange.status != 200:
            said = str(exchange.body)[:300]
            return Comparison((), (), f"/v1/completions answered {exchange.status}: {said}")
        choice = exchange.body["choices"][0]
        prompt_logprobs = [
            entry[str(token)]["logprob"] for token, entry in zip(tokens[1:], choice["prompt_logprobs"][1:])
        ]
        generated = choice["token_ids"]
        same = next(
            (i for i, (a, b) in enumerate(zip(generated, prompts.greedy[index])) if a != b),
            min(len(generated), NEW_TOKENS),
        )
        ours = [*prompt_logprobs, *choice["logprobs"]["token_logprobs"][:same]]
        theirs = [*prompts.logprobs[index], *prompts.greedy_logprobs[index][:same]]
        differences.append(_largest(ours, theirs))
        agreeing.append(same)
    return Comparison(tuple(differences), tuple(agreeing))


def _largest(ours: list[float], theirs: list[float]) -> float:
    if len(ours) != len(theirs):
        return math.nan
    gaps = [abs(a - b) for a, b in zip(ours, theirs)]
    return math.nan if any(map(math.isnan, gaps)) else max(gaps, default=0.0)
