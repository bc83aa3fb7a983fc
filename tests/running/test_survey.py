"""A survey: which decoders it takes, what is kept of it, and its table. Twins are shown in tests/engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.roots.vllm_tree import read_vllm_tree
from scaffold.running.survey import ROW, Decoder, Surveyed, decoders, markdown, survey
from scaffold_validators.engine import Engine
from scaffold_validators.records import dump

VERSIONS = ("vllm 0.32.0", "torch 2.13.0", "transformers 5.19.0")
RIGHT = Surveyed("AlderForCausalLM", "alder", "alder.Alder", "right", "they agree", versions=VERSIONS)
WRONG = Surveyed(
    "BirchForCausalLM", "birch", "birch.Birch", "wrong", "0.3 apart", "model.layers.0 mlp | norm", 0.1, 0.25, 3,
    versions=VERSIONS,
)  # fmt: skip


def engine(**versions: str) -> Engine:
    """Return an environment in which nothing can be started."""
    found = {**dict(version.split() for version in VERSIONS), **versions}
    return Engine(Path("/nowhere/python"), Path("/nowhere/vllm/__init__.py"), None, found, "cpu")


def test_it_takes_text_decoders_that_both_have(vllm_source: Path, transformers_source: Path) -> None:
    found = decoders(read_vllm_tree(vllm_source), transformers_source)
    assert found["LlamaForCausalLM"] == Decoder("LlamaForCausalLM", "llama", "llama.LlamaForCausalLM")
    assert found["DeepseekV2ForCausalLM"].model_type == "deepseek_v2"
    assert len(found) > 40
    assert not {"Qwen2VLForConditionalGeneration", "BertModel", "HeliumForCausalLM"} & found.keys()
    assert list(found) == sorted(found)


def test_a_model_with_more_parts_is_surveyed_by_its_text_config(vllm_source: Path, transformers_source: Path) -> None:
    """The config of all its parts would not be shrunk: its sizes are in the text config inside."""
    assert decoders(read_vllm_tree(vllm_source), transformers_source)["Llama4ForCausalLM"].model_type == "llama4_text"


def test_what_was_surveyed_is_not_asked_for_again(tmp_path: Path) -> None:
    for row in (RIGHT, WRONG):
        (tmp_path / f"{row.architecture}.json").write_text(dump(ROW, row))
    chosen = [Decoder(row.architecture, row.model_type, row.own) for row in (RIGHT, WRONG)]
    said: list[str] = []
    assert list(survey(chosen, engine(), tmp_path, said.append)) == [RIGHT, WRONG]
    assert said == []
    with pytest.raises(OSError, match="/nowhere"):  # another release: it is served anew, or would be
        next(survey(chosen, engine(vllm="0.33.0"), tmp_path, said.append))
    assert said == ["1 of 2: AlderForCausalLM"]


def test_the_table_counts_and_says_where() -> None:
    failed = replace(WRONG, outcome="fails", reason="no kernel", where="", median=None, p95=None, shims=("a", "b"))
    lines = markdown([RIGHT, WRONG, failed]).splitlines()
    assert lines[0] == "Of 3: right 1, wrong 1, fails 1."
    assert lines[-2:] == [
        "| BirchForCausalLM | birch.Birch | wrong | model.layers.0 mlp \\| norm | 1e-01 | 2e-01 | "
        "3 greedy tokens agree |",
        "| BirchForCausalLM | birch.Birch | fails |  | – | – | no kernel; stood in for kernels of this engine: a, b |",
    ]
