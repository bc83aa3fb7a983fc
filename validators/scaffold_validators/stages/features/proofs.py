"""What proves a feature: a function of what a server said while it was on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from scaffold_validators.openai_api import Exchange
from scaffold_validators.results.feature import State


@dataclass(frozen=True)
class Shown:
    """What a server with the feature showed, once it had answered.

    Attributes:
        text: the answer to a request of text alone.
        pictures: answers to requests with a picture; empty where the model takes none.
    """

    log: str
    metrics: str
    text: Exchange | None = None
    pictures: tuple[Exchange, ...] = ()


@dataclass(frozen=True)
class Found:
    """A state, and the evidence that it rests on."""

    state: State
    evidence: str
    numbers: Mapping[str, float] = field(default_factory=dict)


Proof = Callable[[Shown], Found]


def logged(*patterns: str) -> Proof:
    """Return the proof by a line of the log: the first of the patterns that has one."""

    def prove(shown: Shown) -> Found:
        for pattern in patterns:
            line = next((line for line in shown.log.splitlines() if re.search(pattern, line)), None)
            if line is not None:
                return Found(State.VERIFIED, line.strip()[:300])
        return Found(State.UNSUPPORTED, f"it answers, and the log has no line with {' or '.join(patterns)}")

    return prove


def answered(remark: str) -> Proof:
    """Return the proof by answers alone, with a remark on what that proves."""
    return lambda shown: Found(State.VERIFIED, remark)


def drafts_accepted(shown: Shown) -> Found:
    """Drafts were made, and some were accepted: the rate is what tells a right draft head from a wrong one."""
    drafted = total(shown.metrics, "vllm:spec_decode_num_draft_tokens_total")
    accepted = total(shown.metrics, "vllm:spec_decode_num_accepted_tokens_total")
    numbers = {"draft_tokens": drafted, "accepted_tokens": accepted}
    if not drafted:
        return Found(State.UNSUPPORTED, "it answers, and no draft was made (metrics)", numbers)
    rate = accepted / drafted
    said = f"{accepted:.0f} of {drafted:.0f} draft tokens accepted ({100 * rate:.1f} %)"
    state = State.VERIFIED if accepted else State.UNSUPPORTED
    return Found(state, said, {**numbers, "acceptance_rate": round(rate, 4)})


def pictures_counted(shown: Shown) -> Found:
    """A picture is answered, and makes the prompt longer: it has become tokens."""
    failed = next((exchange for exchange in shown.pictures if not exchange.answered), None)
    if failed is not None or not shown.pictures:
        said = f"answered {failed.status} with {str(failed.body)[:200]!r}" if failed else "no picture was sent"
        return Found(State.UNSUPPORTED, said)
    with_picture, alone = shown.pictures[0].prompt_tokens, shown.text.prompt_tokens if shown.text else None
    if with_picture is None or alone is None:
        return Found(State.UNSUPPORTED, "it answers, and does not say how many tokens the prompt had")
    numbers = {"prompt_tokens_with_picture": float(with_picture), "prompt_tokens_without": float(alone)}
    said = f"the same text has {alone} prompt tokens, and {with_picture} with a picture"
    return Found(State.VERIFIED if with_picture > alone else State.UNSUPPORTED, said, numbers)


def total(metrics: str, name: str) -> float:
    """Return the sum of a counter over its labels, in Prometheus' text format; 0 where it is not there."""
    rows: Sequence[str] = re.findall(rf"^{re.escape(name)}(?:\{{[^}}]*\}})?\s+([\d.eE+-]+)$", metrics, re.MULTILINE)
    return sum(map(float, rows))
