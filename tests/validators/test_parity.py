"""Stage P: what counts as agreement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest

from scaffold_validators.openai_api import Exchange
from scaffold_validators.parity import NEW_TOKENS, Comparison, Prompts, compare, make_prompts

PROMPT = (5, 9, 7)
LOGPROBS = (-1.0, -2.0)
GREEDY = tuple(range(20, 20 + NEW_TOKENS))
GREEDY_LOGPROBS = tuple(-0.1 * n for n in range(NEW_TOKENS))
PROMPTS = Prompts((PROMPT,), (LOGPROBS,), (GREEDY,), (GREEDY_LOGPROBS,))


@dataclass
class Answers:
    """A client whose server has these numbers."""

    logprobs: tuple[float, ...] = LOGPROBS
    greedy: tuple[int, ...] = GREEDY
    greedy_logprobs: tuple[float, ...] = GREEDY_LOGPROBS
    status: int = 200

    def send(self, path: str, payload: dict[str, Any]) -> Exchange:
        entries = [None, *({str(t): {"logprob": p}} for t, p in zip(PROMPT[1:], self.logprobs))]
        choice = {
            "prompt_logprobs": entries,
            "token_ids": list(self.greedy),
            "logprobs": {"token_logprobs": list(self.greedy_logprobs)},
        }
        return Exchange(path, payload, self.status, {"choices": [choice]}, 0.1)


def verdict(answers: Answers) -> Comparison:
    return compare(answers, "nova", PROMPTS)  # type: ignore[arg-type]


def test_the_same_numbers_hold() -> None:
    found = verdict(Answers())
    assert found.holds
    assert (found.largest, found.agreeing) == (0.0, (NEW_TOKENS,))


@pytest.mark.parametrize(
    "answers",
    [
        Answers(logprobs=(-1.0, -2.002)),
        Answers(logprobs=(-1.0, math.nan)),
        Answers(greedy=(*GREEDY[:5], 99, *GREEDY[6:])),
        Answers(greedy=GREEDY[:5]),
        Answers(greedy_logprobs=(*GREEDY_LOGPROBS[:-1], -9.0)),
        Answers(status=500),
    ],
    ids=["far", "nan", "another token", "too few tokens", "far in generation", "no answer"],
)
def test_anything_else_does_not(answers: Answers) -> None:
    assert not verdict(answers).holds


def test_within_the_tolerance_holds() -> None:
    assert verdict(Answers(logprobs=(-1.0005, -2.0))).holds


def test_prompts_are_the_same_each_time_and_within_the_vocabulary() -> None:
    assert make_prompts(64) == make_prompts(64)
    assert all(0 < token < 64 for prompt in make_prompts(64) for token in prompt)
