"""Twelve real architectures, fact by fact, from the real transformers' source; and what is left without that source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.common.tables import read_table
from scaffold.expressions.evaluate import evaluate
from scaffold.expressions.tree import Expression
from scaffold.mixers.latent.spec import LatentAttentionSpec
from scaffold.probing.made import TIED
from scaffold.reading.from_source import NO_SOURCE, read_from_source
from scaffold.source.locate import find
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.layers import LayerSpec
from scaffold.spec.model import ModelSpec
from scaffold.spec.values import Value
from tests.bench.coverage.rows import make_rows, rows
from tests.lab.checkpoints import checkpoint as lab_checkpoint
from tests.lab.engine import engine
from tests.reading.flat import decoder_words, layer_kinds
from tests.sampled import sampled

EXPECTED: dict[str, Any] = read_table(Path(__file__).parent / "architectures.yaml")
HOLES = {
    "zaya": ("what happens to q between projection and attention", "transformers/models/zaya/modeling_zaya.py"),
}
"""Row → what is not understood yet, and where it stands: a hole that says so, and no guess."""


def checkpoint(row: str) -> Checkpoint:
    if row == "llava":
        return read_checkpoint(lab_checkpoint(row))
    make_rows([rows()[row]])
    return read_checkpoint(rows()[row].checkpoint)


@cache
def spec_of(row: str) -> ModelSpec:
    read = checkpoint(row)
    source = find(read.architecture, read.model_type, dict(read.auto_map), read.path, engine().transformers)
    assert source is not None
    return read_from_source(read, source)


def stated(words: dict[str, Any]) -> dict[str, Any]:
    return {path: word for path, word in words.items() if word is not None}


@pytest.mark.parametrize("row", sampled(EXPECTED))
def test_an_architecture_is_what_it_is_fact_by_fact(row: str) -> None:
    spec = spec_of(row)
    assert spec.decoder is not None, spec.holes
    assert spec.holes == ()
    assert decoder_words(spec.decoder) == EXPECTED[row]["decoder"]
    kinds = [{"numbers": numbers, **words} for numbers, words in layer_kinds(spec.decoder)]
    assert kinds == [stated(layer) for layer in EXPECTED[row]["layers"]]


@pytest.mark.parametrize("row", sampled([*EXPECTED, *HOLES], every=6))
def test_every_fact_has_evidence_that_is_there(row: str) -> None:
    read, spec = checkpoint(row), spec_of(row)
    for fact in spec.facts:
        assert fact.evidence, fact
        for evidence in fact.evidence:
            if evidence.kind == "source" and ":" in evidence.where:
                path, begin, end = re.fullmatch(r"transformers/(.+):(\d+)(?:-(\d+))?", evidence.where).groups()  # type: ignore[union-attr]
                lines = (engine().transformers / path).read_text().splitlines()
                assert 0 < int(begin) <= int(end or begin) <= len(lines)
            if evidence.kind == "tensor":
                assert any(evidence.where.removesuffix(".weight") in name for name in read.tensors), evidence


def values(part: Any, path: str = "") -> Iterator[tuple[str, Value]]:
    """Yield all values in a part of a spec, by their path."""
    if isinstance(part, Value):
        yield path, part
    elif is_dataclass(part) and not isinstance(part, Expression):
        for field in fields(part):
            yield from values(getattr(part, field.name), f"{path}.{field.name}")
    elif isinstance(part, tuple):
        for number, item in enumerate(part):
            yield from values(item, f"{path}.{number}")


def numbers_around(spec: DecoderSpec, layer: LayerSpec) -> dict[str, Any]:
    """Return what expressions of a layer may name."""
    attention = layer.mixer
    heads = {"hidden_size": spec.hidden_size.value, "num_heads": attention.num_heads.value}
    if isinstance(attention, LatentAttentionSpec):
        return {**heads, "qk_head_dim": attention.qk_nope_head_dim.value + attention.qk_rope_head_dim.value}
    return {**heads, "head_dim": attention.head_dim.value}


@pytest.mark.parametrize("row", sampled(EXPECTED))
def test_every_value_is_what_its_expression_makes_of_the_checkpoints_config(row: str) -> None:
    spec = spec_of(row).decoder
    assert spec is not None
    config = {TIED: spec.tied.value, **spec.config}
    expressions = 0
    for layer in dict.fromkeys(spec.layers):
        names = numbers_around(spec, layer)
        for path, value in (*values(layer), *values(replace(spec, layers=()))):
            assert evaluate(value.tree, config, None, names) == pytest.approx(value.value), path
            expressions += value.expression is not None
    assert expressions


def test_keys_of_a_nested_config_are_named_where_they_stand() -> None:
    read, spec = checkpoint("llava"), spec_of("llava")
    keys = {e.where for fact in spec.facts for e in fact.evidence if e.kind == "config"}
    nested = {key.removeprefix("config.") for key in keys if "text_config." in key}
    assert {"text_config.hidden_size", "text_config.num_key_value_heads", "text_config.rope_parameters"} <= nested
    for key in nested:
        assert key.removeprefix("text_config.") in read.config["text_config"]
    assert keys - {f"config.{key}" for key in nested} - nested == {"architectures", "model_type", "tie_word_embeddings"}


@pytest.mark.parametrize("row", sampled(HOLES, every=2))
def test_what_is_not_understood_is_a_hole_that_names_it_and_no_guess(row: str) -> None:
    what, where = HOLES[row]
    spec = spec_of(row)
    assert spec.decoder is None
    (hole,) = spec.holes
    assert what in hole.what
    assert hole.evidence.startswith(where)


@pytest.mark.parametrize("row", sampled([*EXPECTED, *HOLES]))
def test_without_the_source_facts_become_holes_and_none_becomes_another(row: str) -> None:
    with_source = spec_of(row)
    without = read_from_source(checkpoint(row), None)
    assert without.decoder is None
    assert NO_SOURCE in [hole.what for hole in without.holes]
    known = {fact.name: fact.value for fact in with_source.facts}
    left = {fact.name: fact.value for fact in without.facts}
    assert left.items() <= known.items()
    assert left.keys() >= {"architecture", "model type"}
    if with_source.decoder is not None:
        lost = {re.sub(r", layers? .*", "", name) for name in known.keys() - left.keys()}
        assert lost >= {"attention", "rope", "norm", "norm placement"}
