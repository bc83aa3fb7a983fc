"""Test config and tutorial: what stands in them is data, whatever a checkpoint says."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from scaffold.capacity.plan import plan
from scaffold.checkpoint.about import about
from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.common.errors import ScaffoldError
from scaffold.common.sizes import size_text
from scaffold.delivery.documents import Delivery, delivery_context, measured_context, render_documents
from scaffold.reading.from_source import read_from_source
from scaffold.rendering.template import render
from scaffold.source.locate import find
from tests.drawn import examples
from tests.models.mixed import write_mixed
from tests.verdicts import make_verdict

CONFIG = "tests/e2e/models/configs/nova.yaml"
TUTORIAL = "docs/source/tutorials/models/nova.md"


def documents(
    checkpoint: Path, layout: str = "myst", verdicts: Any = (), overrides: dict[str, Any] | None = None
) -> dict[str, str]:
    delivery = filled(of(read_checkpoint(checkpoint), layout, overrides), verdicts)
    return render({"model_name": "nova", "module": "nova", "adapter": False, "delivery": delivery})


def of(read: Checkpoint, layout: str = "myst", overrides: dict[str, Any] | None = None) -> Delivery:
    return Delivery(
        "nova", read, read_from_source(read, None), "transformers", layout, False, overrides=overrides or {}
    )


def filled(delivery: Delivery, verdicts: Any = ()) -> dict[str, Any]:
    return measured_context(delivery_context(delivery), verdicts)


def test_the_test_config_has_every_field_and_no_invented_figure(nova: Path) -> None:
    config = yaml.safe_load(documents(nova)[CONFIG])
    assert config["model_name"] == "nova"
    assert config["serve"]["tensor_parallel_size"] == 1
    assert "enable_expert_parallel" not in config["serve"]
    metrics = [metric for task in config["tasks"] for metric in task["metrics"]]
    assert metrics == [], "the tree's own test fails on a metric without a number"


def test_what_is_published_is_what_is_tested_and_served(nova: Path) -> None:
    read = read_checkpoint(nova)
    published = replace(of(read), model_id="lab/nova-7b")
    written = render({"model_name": "nova", "module": "nova", "adapter": False, "delivery": filled(published)})
    assert yaml.safe_load(written[CONFIG])["model_name"] == "lab/nova-7b"
    assert "vllm serve lab/nova-7b \\" in written[TUTORIAL]
    assert "tokenizer=lab/nova-7b" in written[TUTORIAL]
    assert "-v /models:/models" not in written[TUTORIAL]
    assert "-v /models:/models \\" in documents(nova)[TUTORIAL], "what is served from a folder is mounted"


@pytest.mark.parametrize("overrides", [{"vocab_size": 512, "text_config": {"tie_word_embeddings": True}}, {}])
def test_what_was_believed_of_the_tensors_is_in_both_documents(nova: Path, overrides: dict[str, Any]) -> None:
    """The model that is served has to be the one that was proved."""
    written = documents(nova, overrides=overrides)
    assert yaml.safe_load(written[CONFIG])["serve"].get("hf_overrides") == (overrides or None)
    assert ("--hf-overrides" in written[TUTORIAL]) is bool(overrides)


def test_a_size_that_layers_do_not_allow_is_in_neither_document(nova: Path) -> None:
    read = read_checkpoint(nova)
    spec = read_from_source(read, None)
    told = Delivery("nova", read, spec, "native", "myst", False, misfits={1: ("no",), 2: ("no",)})
    assert delivery_context(told)["tensor_parallel_size"] == 4
    assert "fits on 4 NPUs" in delivery_context(told)["hardware"]


@pytest.mark.parametrize(("layout", "tab"), [("myst", "{tab-item} A3 series"), ("mkdocs", '=== "A3 series"')])
def test_the_tutorial_follows_the_layout_of_the_tree(nova: Path, layout: str, tab: str) -> None:
    text = documents(nova, layout)[TUTORIAL]
    assert tab in text
    assert "It has not been tried on an NPU yet." in text
    assert "No accuracy has been measured yet." in text


def test_the_command_of_a_tab_is_inside_of_it(nova: Path) -> None:
    """MkDocs: what belongs to a tab is indented by four blanks."""
    tutorial = documents(nova, "mkdocs")[TUTORIAL]
    _, *tabs = tutorial.split("=== ")
    for tab in tabs:
        block = tab[: tab.rindex("\n    ```")].splitlines()[1:]
        assert len(block) > 20
        assert not [line for line in block if line and not line.startswith("    ")]
        assert "    docker run --rm \\" in block


def test_commands_of_the_tutorial_are_shell(nova: Path) -> None:
    text = documents(nova)[TUTORIAL]
    blocks = [part.split("```")[0] for part in text.split("```shell\n")[1:]]
    curl, lm_eval = (shlex.split(block) for block in blocks)
    assert json.loads(curl[-1])["model"] == "nova"
    assert lm_eval[0] == "lm_eval"


def test_a_model_whose_first_layers_alone_are_dense_is_one_of_experts(tmp_path: Path) -> None:
    read = read_checkpoint(write_mixed("lyra", tmp_path / "lyra"))
    source = find(read.architecture, read.model_type, dict(read.auto_map), read.path, None)
    spec = read_from_source(read, source)
    context = delivery_context(Delivery("lyra", read, spec, "transformers", "myst", False))
    assert (context["kind"], context["num_experts"]) == ("mixture-of-experts language model", 8)


def test_random_weights_on_an_npu_verify_no_model(nova: Path) -> None:
    text = documents(nova, verdicts=[make_verdict("dummy")])[TUTORIAL]
    assert "It has not been tried on an NPU yet" in text
    assert "It was verified on NPUs" not in text


def test_an_npu_verdict_is_shown_as_one(nova: Path) -> None:
    text = documents(nova, verdicts=[make_verdict("real", reason="a | b")])[TUTORIAL]
    assert "| B (real), tensor-parallel 1 | real | NPU | passed: a / b |" in text
    assert "not been tried on an NPU" not in text


def test_a_page_of_mkdocs_has_no_macro_but_the_version(nova: Path) -> None:
    values = {**delivery_context(of(read_checkpoint(nova), "mkdocs")), "summary": "{{ 7 }} {% raw %} {# x #}"}
    page = render_documents("nova", values)[Path(TUTORIAL)]
    assert page.count("{{") == page.count("{{ vllm_ascend_version }}") == 2
    assert "{%" not in page
    assert "{#" not in page


HOSTILE = (
    "{{ 7919 * 7907 }}",
    "{% raw %}",
    "`id`",
    "$(id)",
    "'; id #",
    '"',
    "a\nb: c",
    "</code>",
    "../../x",
    "|",
    "\u202e",
)


@examples(20, HealthCheck.function_scoped_fixture)
@given(key=st.sampled_from(("model_type", "hidden_act", "architectures", "max_position_embeddings", "_name_or_path")),
       value=st.sampled_from(HOSTILE) | st.text(max_size=20))  # fmt: skip
def test_nothing_of_a_config_is_evaluated_or_breaks_out(nova: Path, key: str, value: str) -> None:
    original = json.loads((nova / "config.json").read_text())
    try:
        changed = {**original, key: [value] if key == "architectures" else value}
        (nova / "config.json").write_text(json.dumps(changed))
        files = documents(nova)
    except ScaffoldError:
        return
    finally:
        (nova / "config.json").write_text(json.dumps(original))
    assert set(files) >= {CONFIG, TUTORIAL}
    assert isinstance(yaml.safe_load(files[CONFIG]), dict)
    assert "62615533" not in files[TUTORIAL]


def test_the_tutorial_and_the_test_config_have_the_size_that_inspect_finds(nova: Path) -> None:
    read = read_checkpoint(nova)
    known = about(read)
    spec = read_from_source(read, None)
    row = plan(read.text_config, known.patterns, decoder=spec.decoder).smallest
    assert row is not None
    files = documents(nova)
    assert yaml.safe_load(files[CONFIG])["serve"]["tensor_parallel_size"] == row.ranks
    assert f"({size_text(row.weights)} of weights + " in files[TUTORIAL]
