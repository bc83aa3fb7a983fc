"""Generations of NPUs: what is told of each changes what becomes of kernels, and what its own code refuses stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.ascend.compatibility import Compatibility, check_compatibility
from scaffold.ascend.soc import LIMITS, SOCS, soc_of
from tests.ascend import small_trees
from tests.ascend.test_outcomes import model
from tests.rows import each

UTILS = """
def get_ascend_device_type():
    return None

def is_310p():
    return get_ascend_device_type() == 2
"""
HEAD = """
from vllm.triton_utils import HAS_TRITON
from vllm_ascend.utils import get_ascend_device_type, is_310p
class MLAAttention(nn.Module):
    pass
"""
REFUSES = {"vllm_ascend/_310p/runner.py": "raise ValueError('MLAAttention is not supported for 310P.')\n"}
FILES = {"vllm_ascend/utils.py": UTILS, **REFUSES}


def on(soc: str, folder: Path, forward: str, init: str = "pass", files: dict[str, str] = FILES) -> Compatibility:
    small_trees.write(folder, model(init, forward, HEAD), files)
    return check_compatibility(folder, folder, "vllm.model", "Model", None, is_quantised=False, soc=SOCS[soc])


@pytest.mark.parametrize(("soc", "stops"), [("A2", []), ("A3", []), ("A5", []), ("310P", ["_scale_kernel"])])
def test_a_triton_kernel_stops_where_there_is_no_triton(tmp_path: Path, soc: str, stops: list[str]) -> None:
    assert [kernel.name for kernel in on(soc, tmp_path, "return scale(x)").stops] == stops


@pytest.mark.parametrize(("soc", "reached"), [("A2", True), ("310P", False)])
@pytest.mark.parametrize("condition", ["HAS_TRITON", "not is_310p()", "get_ascend_device_type() != 2"])
def test_conditions_over_the_generation_are_decided(tmp_path: Path, soc: str, reached: bool, condition: str) -> None:
    found = on(soc, tmp_path, f"if {condition}:\n    return scale(x)\nreturn x")
    assert (small_trees.told(found).get("_scale_kernel") == "Triton") is reached
    assert found.stops == ()


def test_what_its_code_refuses_holds_where_the_model_builds_it_and_the_line_is_there(tmp_path: Path) -> None:
    found = on("310P", tmp_path / "a", "return x", "self.attn = MLAAttention()")
    (limited,) = found.limits
    assert (limited.limit.meaning, limited.stops) == ("no latent attention", True)
    assert limited.site.shown(tmp_path / "a") == "vllm_ascend/_310p/runner.py:1"
    assert on("A2", tmp_path / "b", "return x", "self.attn = MLAAttention()").limits == ()
    assert on("310P", tmp_path / "c", "return x").limits == ()
    gone = {"vllm_ascend/utils.py": UTILS}
    assert on("310P", tmp_path / "d", "return x", "self.attn = MLAAttention()", gone).limits == ()
    perhaps = on("310P", tmp_path / "e", "return x", "if vllm_config.odd:\n    self.attn = MLAAttention()")
    assert [(one.stops, bool(one.only_if)) for one in perhaps.limits] == [(False, True)]


def test_the_trees_of_vllm_ascend_have_each_line(ascend_source: Path) -> None:
    from scaffold.ascend.soc import limits

    built = dict.fromkeys((limit.builds for limit in LIMITS), "")
    assert [found.limit for found in limits(SOCS["310P"], ascend_source, built)] == list(LIMITS)


@each(("device", "name"), [("910B3", "A2"), ("910B4-1", "A2"), ("Ascend910", "A3"), ("310P3", "310P"), ("Tesla", None)])
def test_a_device_that_is_here_is_known_by_its_name(device: str, name: str | None) -> None:
    found = soc_of(device)
    assert (found and found.name) == name
