"""The judgement: numbers in, conclusion out. ``docs/parity.md`` has the measurements behind it.

How far a right server may be from the float32 reference is told by the reference itself: run in the server's dtype, it
is off by what rounding costs this model on these tokens. A server has to be as close as that, within a factor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scaffold_validators.outcome import Conclusion, Outcome

FACTOR = 1.5
"""How many times as far off as the reference in its own dtype a server may be: right ones are 0.8 to 1.3 times."""
QUANTILES = {"median": 0.5, "p95": 0.95}
"""Of the differences of log probabilities. Maxima are no measure: they jump where a router chooses another expert."""
FLOORS = {"median": 1e-4, "p95": 1e-3}
"""In nats, where the reference in its own dtype is off by less, as in float32: right servers differ by some 1e-5."""
EXACT = "float32"
SURE = 0.95
"""Of the greedy tokens that count, so many agree: another expert for one token is rounding's doing, too. In float32,
all of them."""


@dataclass(frozen=True)
class Answered:
    """What a server said of one prompt.

    Attributes:
        prompt: its tokens.
        generated: the greedy tokens after it.
        logprobs: of every token but the first, prompt and answer together.
    """

    prompt: tuple[int, ...]
    generated: tuple[int, ...]
    logprobs: tuple[float, ...]

    @property
    def tokens(self) -> tuple[int, ...]:
        """Return prompt and answer."""
        return (*self.prompt, *self.generated)


@dataclass(frozen=True)
class Referred:
    """What the reference says of the same tokens, in one dtype.

    Attributes:
        logprobs: of every token but the first.
        best: the token that is the likeliest in that place.
        margins: by how much its log probability is above that of the second.
    """

    logprobs: tuple[float, ...]
    best: tuple[int, ...]
    margins: tuple[float, ...]


@dataclass(frozen=True)
class Comparison:
    """How far a server and the reference in its dtype are from the reference in float32.

    Attributes:
        dtype: the server's.
        server: quantile → difference of log probabilities in nats, ``largest`` among them; NaN if one is.
        reference: the same of the reference in the server's dtype; 0 where that is float32.
        positions: tokens that were compared.
        counted: greedy tokens of which the float32 reference is surer than the noise.
        agreeing: those of them that are the reference's.
    """

    dtype: str
    server: Mapping[str, float]
    reference: Mapping[str, float]
    positions: int
    counted: int
    agreeing: int

    @property
    def limits(self) -> dict[str, float]:
        """Return quantile → what the server may be off by."""
        return {name: limit(name, self.reference[name]) for name in QUANTILES}

    @property
    def holds(self) -> bool:
        """Return whether the server is as close to float32 as its dtype lets it be."""
        within = all(self.server[name] <= most for name, most in self.limits.items())  # a NaN is not
        wanted = self.counted if self.dtype == EXACT else SURE * self.counted
        return within and self.agreeing >= wanted and self.positions > 0

    @property
    def conclusion(self) -> Conclusion:
        """Return how the stage ends by it."""
        return Conclusion(Outcome.PASSED if self.holds else Outcome.WRONG_OUTPUT, self.reason)

    @property
    def reason(self) -> str:
        """Return the numbers as a sentence."""
        parts = ", ".join(f"{name} {self.server[name]:.1e} (at most {most:.1e})" for name, most in self.limits.items())
        return (
            f"{self.dtype} log probabilities of {self.positions} tokens differ from the float32 reference by {parts}; "
            f"{self.agreeing} of {self.counted} sure greedy tokens agree"
        )

    def numbers(self) -> dict[str, Any]:
        """Return the numbers for the verdict, None in place of a NaN."""
        return {
            "dtype": self.dtype,
            "positions": self.positions,
            "server": {name: or_none(value) for name, value in self.server.items()},
            "reference_in_the_same_dtype": {name: or_none(value) for name, value in self.reference.items()},
            "limits": {name: or_none(value) for name, value in self.limits.items()},
            "factor": FACTOR,
            "largest_logprob_difference": or_none(self.server["largest"]),
            "greedy_tokens_counted": self.counted,
            "greedy_tokens_agreeing": self.agreeing,
        }


def compare(
    answered: Sequence[Answered], exact: Sequence[Referred], own: Sequence[Referred] | None, dtype: str
) -> Comparison:
    """Compare what a server said with the reference.

    Args:
        answered: by prompt.
        exact: the reference in float32, on prompt and answer of each.
        own: the reference in the server's dtype; None where that is float32.
        dtype: the server's.

    Raises:
        ValueError: the server or the reference said too little, or too much.
    """
    for said, row in zip(answered, exact, strict=True):
        places = len(said.tokens) - 1
        if not places == len(said.logprobs) == len(row.logprobs) == len(row.best) == len(row.margins):
            raise ValueError(f"{len(said.logprobs)} and {len(row.logprobs)} log probabilities of {places}")
    server = differences([said.logprobs for said in answered], [row.logprobs for row in exact])
    reference = dict.fromkeys(server, 0.0)
    if own is not None:
        reference = differences([row.logprobs for row in own], [row.logprobs for row in exact])
    noise = 2 * limit("p95", reference["p95"])  # either of the two tokens may be off by as much
    counted = agreeing = 0
    for said, row in zip(answered, exact):
        first = len(said.prompt) - 1
        for token, best, margin in zip(said.generated, row.best[first:], row.margins[first:]):
            counted += margin > noise
            agreeing += margin > noise and token == best
    return Comparison(dtype, server, reference, sum(len(said.logprobs) for said in answered), counted, agreeing)


def differences(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return quantile → difference over all prompts, and the ``largest``; all NaN where one number is.

    Raises:
        ValueError: they are not of the same lengths.
    """
    gaps = sorted(
        abs(a - b) for left, right in zip(ours, theirs, strict=True) for a, b in zip(left, right, strict=True)
    )
    if not gaps or not all(map(math.isfinite, gaps)):
        return dict.fromkeys((*QUANTILES, "largest"), math.nan)
    return {**{name: quantile(gaps, share) for name, share in QUANTILES.items()}, "largest": gaps[-1]}


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of some ordered numbers that at least this share of them does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def limit(name: str, reference: float) -> float:
    """Return what a server may be off by in a quantile, where the reference in its dtype is off by so much."""
    return max(FACTOR * reference, FLOORS[name])


def or_none(number: float) -> float | None:
    """Return a number, or None for one that JSON does not have."""
    return number if math.isfinite(number) else None
