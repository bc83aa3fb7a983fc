"""The tables of the gates: each row is complete, shows its example, and is not taken for its near miss."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold_validators.device import CPU, NPU, cann_version, find_device, parse_npu_smi
from scaffold_validators.engine import Engine
from scaffold_validators.environment import server_environment, variables
from scaffold_validators.problem import Problem
from scaffold_validators.stages.features.table import FEATURES, Feature
from scaffold_validators.stages.ladder.climb import STEPS, Step
from scaffold_validators.stages.table import STAGES
from scaffold_validators.stages.weights import WeightWarning, kinds, weight_warnings
from tests.rows import each


@each("kind", kinds(), ids=lambda kind: kind.id)
def test_a_warning_of_weights_is_found_and_not_its_near_miss(kind: WeightWarning) -> None:
    assert [warned.kind for warned in weight_warnings(f"INFO a\n{kind.example}\n{kind.example}")] == [kind]
    assert weight_warnings(kind.near_miss) == ()
    assert weight_warnings(kind.example, allow=(kind.id,)) == ()
    (warned,) = weight_warnings(f"INFO a\n{kind.example}\n{kind.example}")
    assert (warned.times, warned.line_number) == (2, 2)


@each("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_row_of_the_features_is_complete(feature: Feature) -> None:
    assert all((feature.title, feature.failing, feature.source, feature.devices))
    assert set(feature.devices) <= {NPU, CPU}
    assert bool(feature.elsewhere) == (set(feature.devices) != {NPU, CPU})


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_row_of_the_ladder_is_complete(step: Step) -> None:
    assert step.tells
    assert bool(step.changed) == (step.name != "again")


def test_rows_of_the_environment_name_stages_that_there_are_and_say_why() -> None:
    names = {stage.name for stage in STAGES}
    for row in variables():
        assert set(row.stages) <= names
        assert set(row.devices) <= {NPU, CPU}
        assert row.why
        assert row.source


def test_what_the_user_has_set_stays() -> None:
    assert server_environment("npu", "dummy", {})["HCCL_OP_EXPANSION_MODE"] == "AIV"
    assert "PYTORCH_NPU_ALLOC_CONF" not in server_environment("npu", "dummy", {})
    assert "PYTORCH_NPU_ALLOC_CONF" in server_environment("npu", "real", {})
    assert "HCCL_OP_EXPANSION_MODE" not in server_environment("cpu", "real", {})
    own = {"VLLM_CPU_KVCACHE_SPACE": "40", "OTHER": "1"}
    given = server_environment("cpu", "real", own)
    assert given["VLLM_CPU_KVCACHE_SPACE"] == "40"
    assert "OTHER" not in given


NPU_SMI = """
+------------------------------------------------------------------------------------------------+
| npu-smi 24.1.0                   Version: 24.1.0.3                                             |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| 0     910B3               | OK            | 93.2        43                0    / 0             |
| 0                         | 0000:C1:00.0  | 0           0    / 0          3369 / 65536         |
| 1     910B3               | OK            | 91.0        42                0    / 0             |
"""


def test_cards_are_read_from_npu_smi() -> None:
    found = parse_npu_smi(NPU_SMI)
    assert found is not None
    assert (found.kind, found.name, found.count, found.driver) == (NPU, "910B3", 2, "24.1.0.3")
    assert parse_npu_smi("dcmi model initialized failed, because the device is used. ret is -8020") is None


def engine(device: str) -> Engine:
    return Engine(Path("/venv/bin/python"), Path("/vllm/__init__.py"), None, {}, device)


def test_a_device_is_found_or_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_device(engine(CPU)).kind == CPU
    assert find_device(engine(NPU), CPU).kind == CPU
    assert find_device(engine(CPU), NPU).kind == NPU
    with pytest.raises(Problem, match="no NPU that npu-smi shows"):
        find_device(engine(NPU))
    smi = tmp_path / "npu-smi"
    smi.write_text(f"#!/bin/sh\n/bin/cat <<'E'\n{NPU_SMI}E\n")
    smi.chmod(0o755)
    assert find_device(engine(NPU)).versions()["driver"] == "24.1.0.3"


def test_the_version_of_cann_is_read_where_its_installer_wrote_it(tmp_path: Path) -> None:
    info = tmp_path / "aarch64-linux" / "ascend_toolkit_install.info"
    info.parent.mkdir()
    info.write_text("package_name=Ascend-cann-toolkit\nversion=8.3.RC1\n")
    assert cann_version(tmp_path) == "8.3.RC1"
    assert cann_version(tmp_path / "none") == ""
