"""What ``inspect``, ``weights`` and ``new-model`` say of ModelSlim's description."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import pytest

from scaffold.planning.plan import make_plan
from scaffold.planning.refusal import NotPlanned
from scaffold.planning.request import Request
from tests.cli.conftest import Desk
from tests.lab.engine import engine
from tests.modelslim.made import FILE
from tests.modelslim.real_shapes import dense, w4a8
from tests.sampled import costly


def test_inspect_says_which_row_would_mend(desk: Desk, tmp_path: Path, ascend_source: Path) -> None:
    folder = dense().write(tmp_path)
    answer = desk.call("inspect", folder, "--json", "--vllm", engine().pristine, "--vllm-ascend", ascend_source)
    assert answer.code == 0
    found = answer.document["modelslim"]
    assert (found["holds"], found["layers"], found["by_word"]) == (False, 10, {"FLOAT": 4, "W8A8": 6})
    (row,) = found["rows"]
    assert row["row"] == "qkv_proj=q_proj,k_proj,v_proj gate_up_proj=gate_up_proj"


@costly
def test_weights_fails_where_the_description_is_not_that_of_the_weights(
    desk: Desk, tmp_path: Path, ascend_source: Path
) -> None:
    folder = w4a8().write(tmp_path)
    trees = ("--vllm", engine().pristine, "--vllm-ascend", ascend_source, "--json")
    right = desk.call("weights", folder, *trees)
    assert (right.code, right.document["holds"], right.document["modelslim"]["holds"]) == (0, True, True)
    said = json.loads((folder / FILE).read_text())
    (folder / FILE).write_text(json.dumps({**said, "group_size": 128}))
    wrong = desk.call("weights", folder, *trees)
    assert wrong.code == 1
    assert {one["kind"] for one in wrong.document["modelslim"]["findings"]} == {"scale-shape"}


@costly
def test_no_model_is_planned_whose_layers_get_wrong_entries_or_none(
    desk: Desk, tmp_path: Path, ascend_source: Path
) -> None:
    """Rows that are lacking are added; an entry that is, or is another than the tensor, only the files can mend."""
    quantization = Path("vllm_ascend/quantization")
    copytree(ascend_source / quantization, desk.delivery / quantization)
    folder = dense().write(tmp_path)
    said = json.loads((folder / FILE).read_text())
    request = Request(folder, vllm=engine().pristine, delivery=desk.delivery, transformers=engine().transformers)
    assert any("lacks a row for" in note for note in make_plan(request).notes)
    layer = next(name for name, word in said.items() if word == "W8A8" and name.endswith("o_proj.weight"))
    (folder / FILE).write_text(json.dumps({name: word for name, word in said.items() if name != layer}))
    with pytest.raises(NotPlanned) as refused:
        make_plan(request)
    assert refused.value.where == FILE
    assert f"not described: RowParallelLinear {layer.removesuffix('.weight')} ends in a KeyError" in refused.value.found
