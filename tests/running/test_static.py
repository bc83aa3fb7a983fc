"""Stage static: what it stops for, each on a checkpoint that is as published but for one fault."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.ascend.compatibility import Compatibility
from scaffold.ascend.patched import Gone
from scaffold.ascend.trees import Site
from scaffold.checkpoint.read import read_checkpoint
from scaffold.common.errors import UsageError
from scaffold.running.static import StaticReport, static_check
from tests.models.families import config_of, shapes_of, write
from tests.strategy.trusted import tree


def check(folder: Path, transformers: Path, without: str = "", **more: Path) -> StaticReport:
    config = config_of("llama")
    shapes = {name: shape for name, shape in shapes_of("llama", config).items() if not without or without not in name}
    checkpoint = read_checkpoint(write(folder / "checkpoint", config, shapes))
    return static_check(checkpoint, tree().root, transformers=transformers, **more)


def test_a_checkpoint_as_published_passes(tmp_path: Path, transformers_source: Path) -> None:
    report = check(tmp_path, transformers_source)
    assert (report.verdict, report.stops) == ("passed", ())
    assert report.serving.shown == "vllm.model_executor.models.llama:LlamaForCausalLM"


def test_a_linear_weight_that_is_missing_stops(tmp_path: Path, transformers_source: Path) -> None:
    """vLLM's own loader lets modules with a quant method pass without their weights, and linear layers have one."""
    report = check(tmp_path, transformers_source, without="layers.1.mlp.down_proj")
    assert report.verdict == "stopped"
    assert any("down_proj" in str(reason) for reason in report.stops)


ADAPTER = """
from vllm.model_executor.models.llama import LlamaForCausalLM as Base
from vllm.model_executor.layers.layernorm import RMSNorm, NoSuchNorm
norm = RMSNorm(8, no_such_argument=1)

class LlamaForCausalLM(Base):
    pass
"""


def test_imports_and_calls_of_an_adapter_are_held_against_the_tree(tmp_path: Path, transformers_source: Path) -> None:
    adapter = tmp_path / "adapter.py"
    adapter.write_text(ADAPTER, encoding="utf-8")
    report = check(tmp_path, transformers_source, adapter=adapter)
    assert report.code == (
        "line 3: no 'NoSuchNorm' in vllm.model_executor.layers.layernorm",
        "line 4: RMSNorm has no argument 'no_such_argument'",
    )
    assert report.verdict == "stopped"


def test_an_architecture_that_nobody_serves_is_said_to_be_so(tmp_path: Path) -> None:
    config = config_of("llama") | {"architectures": ["NovaForCausalLM"]}
    checkpoint = read_checkpoint(write(tmp_path / "checkpoint", config, shapes_of("llama", config)))
    with pytest.raises(UsageError, match="NovaForCausalLM is not registered"):
        static_check(checkpoint, tree().root)


@pytest.mark.parametrize(("only_if", "stops"), [("", 1), ("the version is 0.23", 0)])
def test_a_patch_that_imports_in_vain_stops_where_it_does_so_in_any_case(
    tmp_path: Path, transformers_source: Path, only_if: str, stops: int
) -> None:
    gone = Gone("vllm.no_such_module", Site(tmp_path / "patch_x.py", 3), only_if)
    found = Compatibility("model", "0.32", (), (), (), (), (), (), (gone,), (), ())
    report = replace(check(tmp_path, transformers_source), compatibility=found, trees=(tmp_path,))
    assert len(report.stops) == stops
    assert all("patch_x.py:3 imports vllm.no_such_module" in str(reason) for reason in report.stops)
