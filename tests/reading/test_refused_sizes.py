"""Source that refuses the usual sizes of a probe is tried at others; what it refuses at all of them is a hole."""

from __future__ import annotations

from pathlib import Path

from tests.carried.test_carried_over import holes_of
from tests.mixers.test_examples import read
from tests.models.odd_blocks import Odd, write_odd

EVEN = 'if config.num_key_value_heads % 2:\n    raise ValueError("halves of the KV heads")'
ONLY_TWO = 'if config.num_key_value_heads != 2:\n    raise ValueError("two KV heads")'


def test_source_that_wants_an_even_number_of_heads_is_read(tmp_path: Path) -> None:
    assert read(write_odd(tmp_path, Odd(made=EVEN), layers=1))[2] is not None


def test_where_no_sizes_fit_the_hole_is_what_the_usual_ones_met(tmp_path: Path) -> None:
    assert "halves of the KV heads" in holes_of(write_odd(tmp_path, Odd(made=f"{EVEN}\n{ONLY_TWO}"), layers=1))
