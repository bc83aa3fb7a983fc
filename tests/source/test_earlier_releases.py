"""Source of a release of transformers, as remote code: with imports from the library, and its own files beside it."""

from __future__ import annotations

from pathlib import Path

from scaffold.source.locate import find
from tests.bench.source.__main__ import section
from tests.bench.source.earlier import as_remote
from tests.bench.source.rows import Row

MODELING = """\
from ... import PreTrainedModel
from ...activations import ACT2FN
from ..auto import AutoModel
from .configuration_wren import WrenConfig


class WrenForCausalLM(PreTrainedModel):
    config_class = WrenConfig
"""
CONFIGURATION = (
    "from ...configuration_utils import PretrainedConfig\n\n\nclass WrenConfig(PretrainedConfig):\n    pass\n"
)


def test_a_model_of_a_release_becomes_remote_code_by_its_imports(tmp_path: Path) -> None:
    package = tmp_path / "transformers"
    own = package / "models" / "wren"
    own.mkdir(parents=True)
    for folder in (package, package / "models", own):
        (folder / "__init__.py").write_text("")
    (own / "modeling_wren.py").write_text(MODELING)
    (own / "modeling_tf_wren.py").write_text("")
    (own / "configuration_wren.py").write_text(CONFIGURATION)
    source = find("WrenForCausalLM", "wren", {}, Path(), package)
    assert source is not None
    folder = tmp_path / "remote"
    auto_map = as_remote(source, folder)
    assert auto_map["AutoModelForCausalLM"] == "modeling_wren.WrenForCausalLM"
    assert sorted(path.name for path in folder.iterdir()) == ["configuration_wren.py", "modeling_wren.py"]
    head = (folder / "modeling_wren.py").read_text().splitlines()[:4]
    assert head == [
        "from transformers import PreTrainedModel",
        "from transformers.activations import ACT2FN",
        "from transformers.models.auto import AutoModel",
        "from .configuration_wren import WrenConfig",
    ]
    found = find("WrenForCausalLM", "wren", auto_map, folder, None)
    assert found is not None
    assert found.file.path == folder / "modeling_wren.py"


def test_rows_of_releases_that_are_not_measured_now_stay() -> None:
    head = "\n## Releases\n\n| release | agree |\n| --- | --- |\n"
    before = f"{head}| 4.44.2 | 44 |\n| 4.57.6 | 1 |\n\n- 4.57.6, wren: a hole\n- 4.44.2, gull: a hole\n"
    found = section(head, before, ["| 5.19.0 | 9 |", "| 4.57.6 | 50 |"], [], "All of them.")
    rows = "| 4.44.2 | 44 |\n| 4.57.6 | 50 |\n| 5.19.0 | 9 |"
    assert found == f"{head}{rows}\n\nAll of them.\n\n- 4.44.2, gull: a hole\n"


def test_rows_of_earlier_releases_spell_the_rotation_as_those_do() -> None:
    stated = {"rope_type": "yarn", "rope_theta": 500.0, "partial_rotary_factor": 0.5, "factor": 3.0}
    row = Row("wren", "decoders", {"hidden_size": 8, "rope_parameters": stated}, 23)
    assert row.of("4.57.6").config == {
        "hidden_size": 8,
        "rope_theta": 500.0,
        "partial_rotary_factor": 0.5,
        "rope_scaling": {"type": "yarn", "factor": 3.0},
    }
    assert row.of("5.19.0").config == row.config
    plain = Row("wren", "decoders", {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}, 23)
    assert plain.of("4.44.2").config == {"rope_theta": 500.0}
    by_kind = Row("wren", "decoders", {"rope_parameters": {"full_attention": {"rope_theta": 500.0}}}, 23)
    assert by_kind.of("4.44.2").config == by_kind.config
