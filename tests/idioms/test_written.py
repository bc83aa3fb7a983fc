"""Pieces of a class fill the slots of its template, in order; a slot that no template has is a fault."""

from __future__ import annotations

import re

import pytest

from scaffold.idioms.construct import construct
from scaffold.idioms.written import Piece, slots
from scaffold.mixers.grouped_query.adapter import TEMPLATE
from scaffold.mixers.grouped_query.pieces.layers import SLOTS


def test_pieces_fill_slots_in_their_order() -> None:
    pieces = [Piece({"first": "a = 1\nb = 2"}), Piece({"second": "c = 3", "first": "d = 4"})]
    assert slots(pieces, ("first", "second", "third")) == {
        "first": ["a = 1", "b = 2", "d = 4"],
        "second": ["c = 3"],
        "third": [],
    }


def test_a_piece_for_a_slot_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no slot 'frist': the template has first"):
        slots([Piece({"frist": "a = 1"})], ("first",))


def test_the_template_of_grouped_query_attention_has_each_slot_once() -> None:
    used = re.findall(r"slots\.(\w+)", TEMPLATE.read_text())
    assert sorted(used) == sorted(SLOTS)


def test_a_layer_makes_a_block_under_its_name() -> None:
    assert list(construct("mlp", "NovaMLP", ("config=config",)).lines) == [
        "self.mlp = NovaMLP(",
        "    config=config,",
        '    prefix=f"{prefix}.mlp",',
        ")",
    ]
