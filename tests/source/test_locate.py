"""Where the source of a model type lies: transformers' own tables say it, nobody guesses."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.source.locate import find, not_there
from scaffold.source.python.syntax import SourceFile
from scaffold.source.transformers import auto_mapping
from scaffold.source.transformers.imports import resolver

AUTO = """
from collections import OrderedDict
CONFIG_MAPPING_NAMES = OrderedDict([("nova", "NovaConfig"), ("nova_text", "NovaTextConfig")])
SPECIAL_MODEL_TYPE_TO_MODULE_NAME = OrderedDict([("nova_text", "nova")])
SPECIAL_MODEL_TYPE_TO_MODULE_NAME.update({"nova-old": "nova"})
MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict([("nova_text", "NovaTextForCausalLM")])
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "transformers"
    for folder in ("auto", "nova"):
        (root / "models" / folder).mkdir(parents=True)
    (root / "models/auto/configuration_auto.py").write_text(AUTO)
    (root / "models/nova/modeling_nova.py").write_text(
        "from ...modeling_rope_utils import ROPE_INIT_FUNCTIONS\nfrom ...cache_utils import Cache\n"
        "class NovaForCausalLM:\n    pass\nclass NovaTextForCausalLM:\n    pass\n"
    )
    (root / "models/nova/configuration_nova.py").write_text(
        'class NovaConfig:\n    model_type = "nova"\nclass NovaTextConfig:\n    model_type = "nova_text"\n'
    )
    (root / "modeling_rope_utils.py").write_text("ROPE_INIT_FUNCTIONS: dict = {}\n")
    (root / "cache_utils.py").write_text("class Cache:\n    pass\n")
    return root


def test_a_model_type_in_a_folder_of_another_name(library: Path) -> None:
    source = find("NovaTextForCausalLM", "nova_text", {}, Path(), library)
    assert source is not None
    assert source.file.shown == "transformers/models/nova/modeling_nova.py"
    assert (source.class_name, source.config_class) == ("NovaTextForCausalLM", "NovaTextConfig")


def test_an_architecture_that_is_not_there_is_the_model_types_usual_class(library: Path) -> None:
    source = find("MirrorForCausalLM", "nova_text", {}, Path(), library)
    assert source is not None
    assert source.class_name == "NovaTextForCausalLM"


def test_a_model_type_that_the_library_does_not_know_is_that_of_its_architecture(library: Path) -> None:
    source = find("NovaTextForCausalLM", "kepler", {}, Path(), library)
    assert source is not None
    assert (source.class_name, source.config_class) == ("NovaTextForCausalLM", "NovaTextConfig")
    assert source.model_type == "nova_text"  # under which the library has its conversions of saved tensors
    assert find("KeplerForCausalLM", "kepler", {}, Path(), library) is None


def test_a_model_of_images_and_text_is_found_by_its_model_type_too(library: Path) -> None:
    modeling = library / "models/nova/modeling_nova.py"
    modeling.write_text("class NovaModel:\n    pass\nclass NovaForConditionalGeneration:\n    pass\n")
    table = 'MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES = OrderedDict([("nova", "NovaForConditionalGeneration")])\n'
    (library / "models/auto/configuration_auto.py").write_text(AUTO + table)
    source = find("Nova2ForConditionalGeneration", "nova", {}, Path(), library)
    assert source is not None
    assert source.class_name == "NovaForConditionalGeneration"


AUTO_MAP = {"AutoModelForCausalLM": "someone/nova--modeling_nova.NovaForCausalLM"}


def test_a_file_of_auto_map_that_is_not_there_leaves_the_library_or_nothing(library: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    assert not_there(AUTO_MAP, checkpoint) == "modeling_nova.py"
    source = find("NovaForCausalLM", "nova", AUTO_MAP, checkpoint, library)
    assert source is not None
    assert source.file.shown == "transformers/models/nova/modeling_nova.py"
    assert find("NovaForCausalLM", "vega", AUTO_MAP, checkpoint, library) is None
    assert find("NovaForCausalLM", "nova", AUTO_MAP, checkpoint, None) is None


def test_a_file_of_auto_map_that_is_there_goes_before_the_library(library: Path, tmp_path: Path) -> None:
    file = tmp_path / "modeling_nova.py"
    file.write_text("class NovaForCausalLM:\n    pass\n")
    assert not_there(AUTO_MAP, tmp_path) is None
    source = find("NovaForCausalLM", "nova", AUTO_MAP, tmp_path, library)
    assert source is not None
    assert source.file.path == file


def test_later_statements_add_to_a_table(library: Path) -> None:
    assert auto_mapping.folder("nova-old", library) == "nova"
    assert auto_mapping.folder("some-model", library) == "some_model"


def test_plain_pytorch_at_the_root_is_followed_and_nothing_else_there(library: Path) -> None:
    file = SourceFile.parse(library / "models/nova/modeling_nova.py")
    (library.parent / "secrets").mkdir()
    (library.parent / "secrets/modeling_x.py").write_text("class X:\n    pass\n")
    resolve = resolver(library)
    followed = resolve(file, "...modeling_rope_utils.ROPE_INIT_FUNCTIONS")
    assert followed is not None
    assert followed[0].shown == "transformers/modeling_rope_utils.py"
    assert resolve(file, "...cache_utils.Cache") is None
    assert resolve(file, "transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS") is not None
    assert resolve(file, "os.path") is None
    config = resolve(file, "..nova.NovaTextConfig")
    assert config is not None
    assert config[0].path.name == "configuration_nova.py"
    assert resolve(file, "..nova.NovaTextForCausalLM") is None
    assert resolve(file, "....secrets.modeling_x.X") is None


@pytest.mark.engine
@pytest.mark.parametrize(
    ("model_type", "architecture", "folder"),
    [
        ("aria_text", "AriaTextForCausalLM", "aria"),
        ("llama4_text", "Llama4ForCausalLM", "llama4"),
        ("gemma3_text", "Gemma3ForCausalLM", "gemma3"),
        ("minimax_m3_vl_text", "MiniMaxM3VLForCausalLM", "minimax_m3_vl"),
    ],
)
def test_model_types_of_the_real_library(model_type: str, architecture: str, folder: str) -> None:
    from tests.lab.engine import engine

    source = find(architecture, model_type, {}, Path(), engine().transformers)
    assert source is not None
    assert (source.class_name, source.file.path.parent.name) == (architecture, folder)


def test_of_several_config_classes_it_is_the_one_that_auto_map_names(tmp_path: Path) -> None:
    (tmp_path / "modeling_nova.py").write_text("class NovaForCausalLM:\n    pass\n")
    classes = 'class MixConfig:\n    model_type = "mix"\nclass NovaConfig:\n    model_type = "nova"\n'
    (tmp_path / "configs.py").write_text(classes)
    auto_map = {"AutoModelForCausalLM": "modeling_nova.NovaForCausalLM", "AutoConfig": "configs.NovaConfig"}
    source = find("NovaForCausalLM", "nova", auto_map, tmp_path, None)
    assert source is not None
    assert source.config_file is not None
    assert (source.config_file.path.name, source.config_class) == ("configs.py", "NovaConfig")


def test_a_config_class_in_the_modeling_file(tmp_path: Path) -> None:
    file = tmp_path / "modeling_both.py"
    file.write_text("class BothConfig:\n    pass\nclass BothForCausalLM:\n    pass\n")
    auto_map = {"AutoConfig": "modeling_both.BothConfig", "AutoModelForCausalLM": "modeling_both.BothForCausalLM"}
    source = find("BothForCausalLM", "both", auto_map, tmp_path, None)
    assert source is not None
    assert (source.config_file, source.config_class) == (source.file, "BothConfig")
