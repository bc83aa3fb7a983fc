"""Which modules an entry of a quantisation config's list names, found among many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.disagreements import entries as entries_of
from scaffold.disagreements.entries import SHOWN, hits, is_rule, names, tells_numbers
from scaffold.disagreements.ignored import kind_of

MODULES = [f"model.layers.{i}.mlp.{part}" for i in (0, 1, 10, 11) for part in ("up_proj", "experts.1.up_proj")]
PARTS = st.sampled_from([*"01*?.[]!", "layers", "mlp", "up_proj", "experts", "model"])
ENTRIES = st.lists(PARTS, max_size=8).map("".join)


def kinds(modules: list[str]) -> list[str]:
    return list({kind_of(module): module for module in reversed(modules)}.values())


@given(st.lists(ENTRIES | st.sampled_from(MODULES) | st.sampled_from(["re:.*1", "re:(a+)+1", "model.layers.1*"])))
def test_what_is_searched_for_is_what_each_module_would_be_asked(entries: list[str]) -> None:
    asked = []
    for entry in entries:
        among = MODULES if not is_rule(entry) or tells_numbers(entry) else kinds(MODULES)
        found = [module for module in among if names(entry, module)][: SHOWN if is_rule(entry) else 1]
        asked += [(entry, found)] if found else []
    assert list(hits(entries, MODULES, kinds(MODULES))) == asked


def test_rules_for_single_layers_are_held_against_the_names_of_these_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries_of, "MAX_TRIES", 1000)
    modules = [f"model.layers.{i}.mlp.experts.{e}.up_proj" for i in range(20) for e in range(100)]
    entries = [f"model.layers.{i}.self_attn*" for i in range(19)] + ["model.layers.19.mlp*"]
    assert list(hits(entries, modules, kinds(modules))) == [
        ("model.layers.19.mlp*", [f"model.layers.19.mlp.experts.{e}.up_proj" for e in range(SHOWN)])
    ]


def test_a_name_with_a_line_break_is_found() -> None:
    modules = ["a.1\n.b", "a.2.b"]
    assert list(hits(["*.1*"], modules, modules)) == [("*.1*", ["a.1\n.b"])]
