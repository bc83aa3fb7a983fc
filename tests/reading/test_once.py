"""Parts that a layer runs twice, and layers that are not the same when they run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.carried.test_carried_over import holes_of
from tests.mixers.test_examples import read
from tests.models.odd_blocks import FED, MIXED, Odd, write_odd
from tests.models.odd_variants import TURNS

CALL = TURNS.partition("\n")[2].strip()
KIND = "self.kind = config.mixer_types[layer_idx]"
NORMED = "normed = self.feed_forward_norm(hidden_states)\n        "
NORM_AGAIN = "norms that a layer runs more than once: mixer_norm"
BLOCK_AGAIN = "dense feed-forward blocks that a layer runs more than once: feed_forward"
AGAIN = {
    "a norm before both blocks": (FED, FED.replace("feed_forward_norm", "mixer_norm"), NORM_AGAIN),
    "a norm of a branch, too": (MIXED, MIXED.replace("mixed", "self.mixer_norm(mixed)"), NORM_AGAIN),
    "an MLP of what it gave": (FED, FED.replace("self.feed_forward(", "self.feed_forward(self.feed_forward(", 1) + ")",
                               BLOCK_AGAIN),
    "an MLP that is added twice": (
        FED,
        f"{NORMED}return hidden_states + self.feed_forward(normed) + self.feed_forward(normed)",
        BLOCK_AGAIN,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AGAIN)
def test_what_a_layer_runs_twice_is_a_hole(tmp_path: Path, name: str) -> None:
    old, new, said = AGAIN[name]
    assert said in holes_of(write_odd(tmp_path, Odd(replaced=((old, new),)), layers=1))


HALVED = (MIXED, "hidden_states = hidden_states + mixed * 0.5**self.run")
CHANGED = {
    "told which run it is": (
        "for layer in self.layers:\n            for run in range(2):\n"
        f"                layer.run = run\n                {CALL}",
        (HALVED,),
    ),
    "counts its runs": (
        f"for layer in [one for one in self.layers for _ in range(2)]:\n            {CALL}",
        ((MIXED, f"{HALVED[1]}\n        self.run += 1"), (KIND, f"{KIND}\n        self.run = 0")),
    ),
    "told which run of all layers it is": (
        "for run in range(2):\n            for layer in self.layers:\n"
        f"                layer.run = run\n                {CALL}",
        (HALVED,),
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_layer_that_is_not_the_same_when_it_runs_again_is_a_hole(tmp_path: Path, name: str) -> None:
    """What it looks at is that of the last run when all is read."""
    loop, replaced = CHANGED[name]
    said = holes_of(write_odd(tmp_path, Odd(replaced=((TURNS, loop), *replaced)), layers=1))
    assert "layers that compute in another way when they run again" in said


def test_a_layer_is_read_as_what_it_shares_with_others_was_when_it_was_called(tmp_path: Path) -> None:
    loop = f"for number, layer in enumerate(self.layers):\n            self.config.run = number\n            {CALL}"
    halved = HALVED[1].replace("self.run", "self.config.run")
    odd = Odd(replaced=((TURNS, loop), (MIXED, halved), (KIND, f"{KIND}\n        self.config = config")))
    first, second = read(write_odd(tmp_path, odd))[2].layers
    factors = [dict(layer.output)["odd"].value for layer in (first, second)]
    assert factors == [1.0, 0.5]
