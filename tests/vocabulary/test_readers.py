"""Each reader of configs knows each spelling of each role: what one of them sees, all see."""

from __future__ import annotations

from typing import Any

import pytest

from scaffold.capacity.sizes import ROLES, sizes_of
from scaffold.checkpoint.config_types import TYPES, check_config, config_table
from scaffold.checkpoint.patterns import Pattern
from scaffold.checkpoint.prediction import promise
from scaffold.common.errors import CheckpointError
from scaffold.disagreements.subject import Subject
from scaffold.disagreements.table import found_in
from scaffold.probing.sizes import shrink as probe
from scaffold.reading.plain.family import families
from scaffold.vocabulary.lookup import at
from scaffold.vocabulary.rows import TYPES as TYPE_NAMES
from scaffold.vocabulary.rows import Row, as_value, rows
from scaffold_validators.twin.shrink import shrink as twin
from tests.rows import each

SPELLINGS = [pytest.param(row, key, id=key) for row in rows().values() for key in row.keys]
WRONG = {"number": "1", "flag": "yes", "word": 1, "words": "a", "object": [], "dtype": 1}
"""What is not of a type; ``1.5`` is no size."""


def config_of(**roles: Any) -> dict[str, Any]:
    """Return a config with these roles under their most usual spelling."""
    return {rows()[role].keys[0]: value for role, value in roles.items()}


def spelled(key: str, value: Any) -> dict[str, Any]:
    """Return a config with a value under a key, which may lead into an object."""
    name, _, rest = key.partition(".")
    return {name: spelled(rest, value) if rest else value}


@each(("row", "key"), SPELLINGS)
def test_its_type_is_checked(row: Row, key: str) -> None:
    assert (key in config_table()) == (row.type is not None)
    if row.type is not None:
        with pytest.raises(CheckpointError) as error:
            check_config(spelled(key, WRONG.get(row.type, 1.5)))
        assert error.value.where == f"config.json, {key}"


def test_every_type_has_a_check() -> None:
    assert set(TYPES) == set(TYPE_NAMES)


@each(("row", "key"), [case for case in SPELLINGS if case.values[0].probe])
def test_both_probes_set_it(row: Row, key: str) -> None:
    assert row.probe is not None
    assert [at(probe(spelled(key, 1000), which), key) for which in (0, 1)] == list(row.probe)


@each(("row", "key"), [case for case in SPELLINGS if isinstance(case.values[0].twin, int)])
def test_the_twin_has_no_more_of_it(row: Row, key: str) -> None:
    assert at(twin(spelled(key, 10**6), as_value()), key) == row.twin


GIVEN = {"num_layers": 30, "num_heads": 32, "num_kv_heads": 8, "hidden_size": 4096, "num_experts": 64, "top_k": 8,
         "num_groups": 8, "topk_group": 4, "first_expert_layer": 3, "last_expert_layer": 29,
         "first_window_layer": 15}  # fmt: skip
"""A config in which each rule of the twin has something to do."""


@each(("row", "key"), [case for case in SPELLINGS if case.values[0].role in GIVEN])
def test_the_twin_follows_its_rule_under_each_spelling(row: Row, key: str) -> None:
    others = config_of(**{role: value for role, value in GIVEN.items() if role != row.role})
    usual = twin({**others, **spelled(row.keys[0], GIVEN[row.role])}, as_value())
    assert at(twin({**others, **spelled(key, GIVEN[row.role])}, as_value()), key) == usual[row.keys[0]]
    assert usual[row.keys[0]] < GIVEN[row.role]


SIZES: dict[str, Any] = {"num_layers": 4, "num_heads": 8, "num_kv_heads": 2, "hidden_size": 512, "head_dim": 128,
                         "num_experts": 16, "kv_lora_rank": 32, "qk_rope_head_dim": 16}  # fmt: skip


@each(("row", "key"), [case for case in SPELLINGS if case.values[0].role in ROLES])
def test_capacity_sees_it(row: Row, key: str) -> None:
    others = {role: value for role, value in SIZES.items() if role != row.role}
    given = SIZES.get(row.role, 1000)
    found = sizes_of({**config_of(**others), **spelled(key, given)})
    assert found.keys[row.role] == key
    usual = sizes_of(config_of(**others, **{row.role: given}))
    assert (found.num_heads, found.kv_heads, found.head_dim) == (usual.num_heads, usual.kv_heads, usual.head_dim)
    assert (found.latent, found.num_experts, found.window) == (usual.latent, usual.num_experts, usual.window)


@each("key", rows()["mtp_layers"].keys)
def test_a_promise_of_layers_for_prediction_is_seen(key: str) -> None:
    assert promise({key: 2}) == (key, 2)


@each(("row", "key"), [case for case in SPELLINGS if case.values[0].role == "hidden_size"])
def test_a_width_that_the_tensors_contradict_is_seen(row: Row, key: str) -> None:
    embedding = Pattern("model.embed_tokens.weight", "BF16", (96, 64), 1, 2 * 96 * 64)
    (said,) = found_in(Subject({key: 128}, {key: 128}, "", [embedding]))
    assert str(said).startswith(f"{key} is 128")


@each("family", families().values(), ids=lambda family: family.name)
def test_what_a_plain_family_calls_its_sizes_the_vocabulary_has(family: Any) -> None:
    words = {key for row in rows().values() for key in row.keys}
    assert {key for keys in family.required for key in keys} <= words
    assert {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"} <= family.sizes
