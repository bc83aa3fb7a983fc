"""A bfloat16 checkpoint served in bfloat16: right passes, a fault fails, and a slice says what the whole says."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from tests.engine.conftest import Shop
from tests.engine.test_faults import FAULTS

pytestmark = pytest.mark.engine
ROW = "helium-deep"
OPTIONS = ("--dtype", "bfloat16", "--enforce-eager", "--max-model-len", "512")
FAULT = FAULTS["the rotation's halves swapped"]


@pytest.mark.parametrize("right", [True, False], ids=["right", "a fault"])
def test_whole_and_slice_have_the_same_verdict(shop: Shop, right: bool) -> None:
    planned = shop.new_model(ROW)  # where its architecture was adapted before, that adapter serves it
    assert planned.code == 0, planned.said
    adapter = shop.place.vllm / "vllm/model_executor/models" / f"{FAULT.module}.py"
    edited = nullcontext() if right else shop.edited(adapter, lambda text: text.replace(FAULT.right, FAULT.wrong))
    with edited:
        whole = shop.validate(ROW, "parity", options=OPTIONS)
        cut = shop.validate(ROW, "slice", options=(*OPTIONS, "--slice", "4"))
    said = "passed" if right else "failed"
    assert whole.outcomes() == {("real", 1): "passed", ("parity", 1): said}, whole.said
    assert cut.outcomes() == {("slice", 1): said}, cut.said
    (verdict,) = cut.document["verdicts"]
    assert verdict["reason"].startswith("the first 4 of 12 layers: bfloat16 log probabilities of ")
    assert (verdict["numbers"]["slice_layers"], verdict["numbers"]["layers"]) == (4, 12)
    for numbers in (whole.document["verdicts"][1]["numbers"], verdict["numbers"]):
        assert (numbers["server"]["median"] <= numbers["limits"]["median"]) is right
