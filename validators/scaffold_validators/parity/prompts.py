"""The prompts: token ids, the same each time, enough of them that quantiles mean something."""

from __future__ import annotations

import random
from itertools import cycle

POSITIONS = 1000
"""So many tokens at least are compared, prompts and answers together."""
LENGTHS = (17, 33, 64, 97, 128, 160, 209, 257)
"""Tokens of the prompts: shorter and longer than the attention blocks of engines, most of them no multiple of 16."""
NEW_TOKENS = 32
"""Greedy tokens after each prompt: they go through the decoding path, and leave a block of 16 behind."""
LONGEST = 4096
"""Tokens of the longest prompt that is made so that a window ends within it."""
SHORTEST = 4
Prompt = tuple[int, ...]


def make_prompts(vocab_size: int, max_model_len: int, window: int = 0, seed: int = 0) -> tuple[Prompt, ...]:
    """Return fixed prompts of token ids; the lowest ids, which are special tokens, are left out.

    Args:
        vocab_size: ids are smaller.
        max_model_len: tokens that the server takes, prompt and answer together.
        window: the largest number of tokens that attention is limited to; 0 without a limit.
        seed: of the random numbers.

    Raises:
        ValueError: the server takes too few tokens for any prompt.
    """
    rng = random.Random(seed)  # noqa: S311 - no secret hangs on it
    low = min(8, vocab_size // 2)
    lengths = prompt_lengths(max_model_len, window)
    return tuple(tuple(rng.randrange(low, vocab_size) for _ in range(length)) for length in lengths)


def prompt_lengths(max_model_len: int, window: int = 0) -> tuple[int, ...]:
    """Return how long the prompts are: `LENGTHS`, cut where the server takes less, and one that leaves a window behind.

    Raises:
        ValueError: as `make_prompts`.
    """
    most = max_model_len - NEW_TOKENS
    if most < SHORTEST:
        raise ValueError(
            f"a server that takes {max_model_len} tokens, where at least {NEW_TOKENS + SHORTEST} are needed"
        )
    beyond = window + window // 4 + 16
    lengths = [beyond] if max(LENGTHS) < beyond <= min(most, LONGEST) else []
    for length in cycle(LENGTHS):
        if len(lengths) >= len(LENGTHS) and sum(lengths) - len(lengths) >= POSITIONS:
            return tuple(lengths)
        lengths.append(min(length, most))
    raise AssertionError("cycle does not end")
