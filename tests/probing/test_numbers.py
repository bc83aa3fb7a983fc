"""Numbers of a probe and what they stand for; two probes rule out what one allows by chance."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scaffold.expressions.evaluate import evaluate
from scaffold.expressions.tree import key
from scaffold.probing.numbers import explain
from scaffold.probing.sizes import FACTORS, FIXED_FLOATS, shrink
from scaffold.reading.from_source import TWO_MEANINGS
from scaffold.spec.values import Value
from scaffold.vocabulary.rows import rows
from tests.mixers.test_examples import read
from tests.models.build import write_checkpoint
from tests.models.odd_blocks import Odd, write_odd
from tests.models.specs import decoder_of, edit, spec_of
from tests.rows import each

CONFIG: dict[str, Any] = {
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 11008,
    "num_hidden_layers": 30,
    "vocab_size": 32000,
    "rms_norm_eps": 1e-6,
    "query_pre_attn_scalar": 256,
    "embedding_multiplier": 12.0,
    "logits_scaling": 8.0,
    "rope_parameters": {"rope_theta": 10000.0, "factor": 4.0},
}


@dataclass
class FakeProbe:
    """The two configs that an explanation looks at."""

    completed: dict[str, Any]
    small: SimpleNamespace = field(init=False)
    sizes: int = 0
    literals_first: bool = True
    round_numbers: set[float] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.small = SimpleNamespace(attributes=shrink(self.completed, self.sizes))

    def seen(self, key: str) -> float:
        return float(self.small.attributes[key])


PROBES = [FakeProbe(CONFIG, sizes=sizes) for sizes in (0, 1)]


@each("probe", PROBES, ids=("first", "second"))
@each(
    ("compute", "code", "value"),
    [
        (lambda c: c["embedding_multiplier"], "config.embedding_multiplier", 12.0),
        (lambda c: c["query_pre_attn_scalar"] ** -0.5, "config.query_pre_attn_scalar**-0.5", 1 / 16),
        (lambda c: c["hidden_size"] ** 0.5, "config.hidden_size**0.5", 64.0),
        (lambda c: 1 / c["logits_scaling"], "1 / config.logits_scaling", 0.125),
        (lambda c: c["embedding_multiplier"] / c["hidden_size"] ** 0.5,
         "config.embedding_multiplier / config.hidden_size**0.5", 0.1875),
        (lambda c: c["embedding_multiplier"] / c["logits_scaling"],
         "config.embedding_multiplier / config.logits_scaling", 1.5),
        (lambda c: float(c["hidden_size"] // c["num_attention_heads"]) ** -0.5, "config.head_dim**-0.5", 128**-0.5),
        (lambda c: c["rope_parameters"]["factor"] ** 2 / c["rope_parameters"]["factor"],
         'config.rope_parameters["factor"]', 4.0),
        (lambda c: 0.22, "0.22", 0.22),
        (lambda c: 1.0, "1.0", 1.0),
    ],
)  # fmt: skip
def test_a_number_is_an_expression_of_the_config(probe: FakeProbe, compute: Any, code: str, value: float) -> None:
    found = explain(probe, compute(probe.small.attributes))  # type: ignore[arg-type]
    assert found is not None
    assert found.code == code
    assert found.value == pytest.approx(value)
    assert evaluate(found.tree, CONFIG) == pytest.approx(value)


@pytest.mark.parametrize("odd", ["not a name", "a.b", "class", "x[0]"])
def test_what_a_config_cannot_have_as_an_attribute_explains_nothing(odd: str) -> None:
    number = 3.14159265358
    assert explain(FakeProbe({**CONFIG, odd: {"share": number}}), number) is None  # type: ignore[arg-type]
    found = explain(FakeProbe({**CONFIG, "even": {"share": number}}), number)  # type: ignore[arg-type]
    assert found is not None
    assert found.tree == key("even", "share")


def test_a_head_size_without_a_key_is_hidden_size_by_heads() -> None:
    probe = FakeProbe({key: value for key, value in CONFIG.items() if key != "head_dim"})
    seen = (probe.seen("hidden_size") // probe.seen("num_attention_heads")) ** -0.5
    found = explain(probe, seen)  # type: ignore[arg-type]
    assert found is not None
    assert found.value == pytest.approx(128**-0.5)
    assert eval(found.code, {"config": SimpleNamespace(**CONFIG)}) == pytest.approx(128**-0.5)


@pytest.mark.parametrize("probe", PROBES, ids=("first", "second"))
def test_what_no_expression_gives_is_not_explained(probe: FakeProbe) -> None:
    assert explain(probe, 3.14159265358) is None  # type: ignore[arg-type]
    assert explain(probe, probe.seen("head_dim") ** -0.37) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("probe", PROBES, ids=("first", "second"))
def test_a_size_is_no_literal(probe: FakeProbe) -> None:
    assert explain(probe, 211.0) == Value(211.0)  # type: ignore[arg-type]
    assert explain(probe, 211.0, is_size=True) is None  # type: ignore[arg-type]


def test_numbers_that_may_be_literals_are_kept() -> None:
    """Those alone are read in another way where expressions come first."""
    probe, other = FakeProbe(CONFIG), FakeProbe(CONFIG, literals_first=False)
    for number in (probe.seen("head_dim") ** -0.5, 1.0, 3.14159265358):
        explain(probe, number)  # type: ignore[arg-type]
    assert not probe.round_numbers
    for one in (probe, other):
        explain(one, 0.22)  # type: ignore[arg-type]
        assert one.round_numbers == {0.22}


def test_a_key_that_is_0_in_the_checkpoint_divides_nothing() -> None:
    """Dropout is not 0 in a probe, so that it shows."""
    probe = FakeProbe({**CONFIG, "attention_dropout": 0.0})
    probe.small.attributes["attention_dropout"] = 3.7
    for number in (3.7**-0.5, 1 / 3.7, math.log(3.7)):
        found = explain(probe, number)  # type: ignore[arg-type]
        assert found is None or "dropout" not in found.code


@each("factor", [2.0, 8.0, 9.0, 40.0, 64.0])
def test_a_size_is_not_taken_for_a_number_of_the_rotation(factor: float) -> None:
    shared = {"n_shared_experts": 2, "moe_intermediate_size": 64, "rope_parameters": {"factor": factor}}
    for probe in (FakeProbe({**CONFIG, **shared}, sizes=sizes) for sizes in (0, 1)):
        seen = probe.seen("n_shared_experts") * probe.seen("moe_intermediate_size")
        found = explain(probe, seen, is_size=True)  # type: ignore[arg-type]
        assert found is not None
        assert {*found.code.split(" * ")} == {"config.n_shared_experts", "config.moe_intermediate_size"}
        assert found.value == 128


@pytest.mark.parametrize("given", [4096, 512])
def test_a_size_that_is_the_hidden_size_stays_it(given: int) -> None:
    small = shrink({**CONFIG, "word_embed_proj_dim": given})
    assert (small["word_embed_proj_dim"] == small["hidden_size"]) == (given == 4096)


def test_two_probes_tell_all_sizes_apart() -> None:
    probes = [row.probe for row in rows().values() if row.is_size and row.probe]
    assert len({*probes}) == len(probes)
    assert all(first != second for first, second in probes)


@example(key="residual_multiplier", value=58.96679188240137)  # 58.97 * 1.09375 / 58.97 is less than 1.09375
@given(
    key=st.sampled_from(["embedding_multiplier", "residual_multiplier", "attn_scale", "logits_scaling"]),
    value=st.floats(0.01, 100.0),
)
def test_a_probe_moves_every_number_that_scales_something(key: str, value: float) -> None:
    small = [shrink({**CONFIG, key: value}, which)[key] for which in (0, 1)]
    assert not any(part in key for part in FIXED_FLOATS)
    assert len({value, *small}) == 3
    assert all(seen >= value * min(FACTORS) for seen in small)


LITERALS = [(12.0, "num_attention_heads"), (24.0, "head_dim")]


@pytest.mark.parametrize(("number", "key"), LITERALS)
def test_a_literal_that_is_a_size_of_one_probe_is_a_hole(nova: Path, number: float, key: str) -> None:
    edit(nova, "return hidden_states + self.ffn", f"return hidden_states + {number} * self.ffn")
    (hole,) = spec_of(nova).holes
    assert hole.what == TWO_MEANINGS
    assert f"config.{key} or {number}" in hole.evidence


@pytest.mark.parametrize("key", ["hidden_size", "num_attention_heads", "head_dim", "intermediate_size"])
def test_the_key_itself_is_no_hole(nova: Path, key: str) -> None:
    edit(nova, "self.embed_tokens(input_ids)", f"self.embed_tokens(input_ids) * self.config.{key}")
    scale = decoder_of(nova).embedding.scale
    assert scale.key == key


def test_a_size_in_an_object_of_the_config_is_found_there(nova: Path) -> None:
    modeling, config = nova / "modeling_nova.py", nova / "config.json"
    inside = 'config.attn_config["kv_n_heads"]'
    modeling.write_text(modeling.read_text().replace("config.num_key_value_heads", inside))
    values = json.loads(config.read_text())
    config.write_text(json.dumps({**values, "num_key_value_heads": None, "attn_config": {"kv_n_heads": 2}}))
    kv_heads = decoder_of(nova).layer.mixer.num_kv_heads
    assert (kv_heads.value, kv_heads.code) == (2, inside)


def test_numbers_are_those_of_the_checkpoint_not_of_the_probe(tmp_path: Path) -> None:
    nova = write_checkpoint(tmp_path / "nova", intermediate_size=80)
    spec = decoder_of(nova)
    feed_forward = spec.layer.feed_forward
    assert (feed_forward.intermediate_size.value, feed_forward.intermediate_size.key) == (80, "intermediate_size")
    assert spec.layer.mixer.num_heads.value == 4


def test_three_keys_make_up_a_number_where_nothing_shorter_does(tmp_path: Path) -> None:
    """Both probes have to find the same three."""
    config = {"inner_gain": 1.3, "outer_gain": 0.7, "decay": 2.9}
    mixer = write_odd(tmp_path, Odd(after=THREE_KEYS, config=config), layers=1)
    _, _, decoder = read(mixer)
    (after, _, _) = decoder.layer.mixer.carried.after
    assert "q = q * self.config.inner_gain * self.config.outer_gain / self.config.decay" in after.lines


THREE_KEYS = "query = query * (self.config.inner_gain * self.config.outer_gain / self.config.decay)"
