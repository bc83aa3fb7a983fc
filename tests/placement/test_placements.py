"""What each placement creates and edits, for a class of vLLM's own and for a module of ours."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from codemods import ChangeSet, Refusal
from scaffold.placement.protocol import Code, Implementation, Placement, Site
from scaffold.placement.registration import ConfigModule, Registration
from scaffold.placement.table import PLACEMENTS
from scaffold.roots.vllm_tree import CONFIG_CLASSES, MODELS, PROCESSORS, REGISTRY, TEXT_DICT
from tests.copies import copy_tree

EXISTING = Implementation(Registration("NovaForCausalLM", "llama", "LlamaForCausalLM", TEXT_DICT))
OURS = Implementation(
    Registration("NovaForCausalLM", "nova", "NovaForCausalLM", TEXT_DICT),
    Code("nova", in_tree="from .utils import AutoWeightsLoader\n\n_ = AutoWeightsLoader\n",
         stand_alone="from vllm.model_executor.models.utils import AutoWeightsLoader\n\n_ = AutoWeightsLoader\n"),
)  # fmt: skip
ASCEND = Path("vllm_ascend/models")


@pytest.fixture
def site(registry_tree: Path, delivery_repo: Path, ascend_source: Path, tmp_path: Path) -> Site:
    copy_tree(ascend_source / ASCEND, delivery_repo / ASCEND)
    return Site("Nova-7B", "nova", registry_tree, delivery_repo, tmp_path / "plugin", "# ours", lambda path: None)


def placed(placement: Placement, implementation: Implementation, site: Site) -> tuple[ChangeSet, list[str]]:
    changes = placement.place(ChangeSet(tuple(site.roots.values())), implementation, site)
    top = site.vllm.parent.resolve()
    return changes, sorted(path.relative_to(top).as_posix() for path in changes.paths)


PLUGIN_FILES = ["plugin/README.md", "plugin/pyproject.toml", "plugin/src/vllm_nova/__init__.py"]


@pytest.mark.parametrize(
    ("name", "implementation", "files", "registers"),
    [
        ("vllm", EXISTING, [f"vllm-root/{REGISTRY}"], '"NovaForCausalLM": ("llama", "LlamaForCausalLM"),'),
        ("vllm", OURS, [f"vllm-root/{MODELS}/nova.py", f"vllm-root/{REGISTRY}"],
         '"NovaForCausalLM": ("nova", "NovaForCausalLM"),'),
        ("vllm-ascend", EXISTING, [f"vllm-ascend/{ASCEND}/__init__.py"],
         '"vllm.model_executor.models.llama:LlamaForCausalLM"'),
        ("vllm-ascend", OURS, [f"vllm-ascend/{ASCEND}/__init__.py", f"vllm-ascend/{ASCEND}/nova.py"],
         '"vllm_ascend.models.nova:NovaForCausalLM"'),
        ("plugin", EXISTING, PLUGIN_FILES, '"vllm.model_executor.models.llama:LlamaForCausalLM"'),
        ("plugin", OURS, [*PLUGIN_FILES, "plugin/src/vllm_nova/nova.py"], '"vllm_nova.nova:NovaForCausalLM"'),
    ],
)  # fmt: skip
def test_what_goes_where(
    site: Site, name: str, implementation: Implementation, files: list[str], registers: str
) -> None:
    changes, paths = placed(PLACEMENTS[name], implementation, site)
    assert paths == files
    texts = {path.name: changes.read(path) or "" for path in changes.paths}
    assert registers in "".join(text for file, text in texts.items() if file != "nova.py")
    if implementation is OURS:
        relative = name == "vllm"
        assert ("from .utils" in texts["nova.py"]) is relative
        assert ("from vllm.model_executor.models.utils" in texts["nova.py"]) is not relative


@pytest.mark.parametrize("table", ["_PREVIOUSLY_SUPPORTED_MODELS", "_OOT_SUPPORTED_MODELS"])
def test_one_that_vllm_no_longer_has_comes_back(site: Site, table: str) -> None:
    before = (site.vllm / REGISTRY).read_text()
    gone = re.search(rf'{table}[^=]*= {{\n    "(\w+)": "', before)
    assert gone is not None
    registration = replace(OURS.registration, architecture=gone[1])
    changes, _ = placed(PLACEMENTS["vllm"], replace(OURS, registration=registration), site)
    after = changes.read(site.vllm / REGISTRY) or ""
    assert after.count(f'"{gone[1]}"') == 1
    assert f'"{gone[1]}": ("nova", "NovaForCausalLM"),' in after
    taken = replace(OURS, registration=replace(registration, architecture="LlamaForCausalLM"))
    with pytest.raises(Refusal, match="registered already"):
        placed(PLACEMENTS["vllm"], taken, site)


CONFIG = ConfigModule("configuration_nova", "NovaConfig", "nova", "class NovaConfig:\n    pass\n")


@pytest.mark.parametrize(
    ("name", "module", "registers"),
    [
        ("vllm", f"vllm-root/{CONFIG_CLASSES}/configuration_nova.py",
         {"vllm-root/vllm/transformers_utils/config.py": '    nova="NovaConfig",\n',
          f"vllm-root/{CONFIG_CLASSES}/__init__.py":
          '    "NovaConfig": "vllm.transformers_utils.configs.configuration_nova",\n'}),
        ("vllm-ascend", f"vllm-ascend/{ASCEND}/configuration_nova.py",
         {f"vllm-ascend/{ASCEND}/__init__.py": '    AutoConfig.register("nova", NovaConfig, exist_ok=True)\n'}),
        ("plugin", "plugin/src/vllm_nova/configuration_nova.py",
         {"plugin/src/vllm_nova/__init__.py": '    AutoConfig.register("nova", NovaConfig, exist_ok=True)\n'}),
    ],
)  # fmt: skip
def test_a_config_of_remote_code_goes_with_its_model(
    site: Site, name: str, module: str, registers: dict[str, str]
) -> None:
    assert OURS.code is not None
    changes, paths = placed(PLACEMENTS[name], replace(OURS, code=replace(OURS.code, config=CONFIG)), site)
    assert module in paths
    top = site.vllm.parent
    for file, line in registers.items():
        text = changes.read(top / file)
        assert text is not None
        assert line in text
        compile(text, file, "exec")


@pytest.mark.parametrize("name", PLACEMENTS)
def test_only_a_placement_that_has_processors_takes_the_stub(site: Site, name: str) -> None:
    assert OURS.code is not None
    with_stub = replace(OURS, code=replace(OURS.code, processor="class NovaProcessor:\n    pass\n"))
    _, paths = placed(PLACEMENTS[name], with_stub, site)
    stub = f"vllm-root/{PROCESSORS}/nova.py"
    assert (stub in paths) is PLACEMENTS[name].has_processors is (name == "vllm")


@pytest.mark.parametrize("name", PLACEMENTS)
def test_nothing_is_written(site: Site, name: str) -> None:
    changes, _ = placed(PLACEMENTS[name], OURS, site)
    assert changes.paths
    assert not (site.output or Path()).exists()
    assert all(change.before is None or change.path.read_bytes() == change.before for change in changes.changes)


def test_a_plugin_needs_no_delivery_repo_and_no_tree_that_is_edited(site: Site) -> None:
    alone = replace(site, delivery=None)
    assert set(alone.roots) == {"vllm", "plugin"}
    _, paths = placed(PLACEMENTS["plugin"], OURS, alone)
    assert all(path.startswith("plugin/") for path in paths)
