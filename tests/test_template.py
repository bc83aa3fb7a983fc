"""The template: in the wheel, usable by cookiecutter itself, and nothing in it is evaluated twice."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scaffold.adapter.context import adapter_context
from scaffold.checkpoint.read import read_checkpoint
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.reading.read import read_spec
from scaffold.rendering.formatting import format_python
from scaffold.rendering.template import MODEL, PLUGIN, render, template_directory
from scaffold.source.locate import find

NOT_READ = {"multipliers"}
"""What no template reads."""


def test_values_are_never_rendered_as_templates() -> None:
    context = json.loads((template_directory() / "cookiecutter.json").read_text())
    context["delivery"]["architecture"] = "{{ 7 * 7 }}"
    text = render({**context, "model_name": "nova"})
    assert "`{{ 7 * 7 }}`" in text["docs/source/tutorials/models/nova.md"]


def test_cookiecutter_itself_can_use_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "-o", str(tmp_path), str(template_directory())]
    subprocess.run([*command, "model_name=Nova-9B"], check=True, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    made = tmp_path / "Nova-9B"
    assert (made / "tests/e2e/models/configs/Nova-9B.yaml").read_text().startswith('model_name: "Nova-9B"')
    adapter = (made / "vllm/model_executor/models/nova.py").read_text()
    compile(adapter, "nova.py", "exec")
    text = format_python(adapter, tmp_path, Path("nova.py"))
    words = ["ruff", "check", "--quiet", "--isolated", "--select", "E,F", "-"]  # a name or import too many or too few
    subprocess.run([sys.executable, "-m", *words], input=text, text=True, check=True)
    assert "class NovaForCausalLM(nn.Module, SupportsLoRA, SupportsPP):" in adapter
    compile((made / "vllm/transformers_utils/processors/nova.py").read_text(), "nova.py", "exec")
    assert "# Nova-9B" in (made / "docs/source/tutorials/models/Nova-9B.md").read_text()


def test_the_stand_alone_defaults_have_all_that_the_generator_fills(nova: Path) -> None:
    checkpoint = read_checkpoint(nova)
    source = find(checkpoint.architecture, checkpoint.model_type, dict(checkpoint.auto_map), nova, None)
    spec = read_spec(checkpoint, source).decoder
    assert spec is not None
    rules = weight_map_of(spec, checkpoint, source)
    generated = adapter_context(checkpoint.architecture, "PretrainedConfig", spec, rules, checkpoint.tensors)
    defaults = json.loads((template_directory() / "cookiecutter.json").read_text())
    for part, values in generated.items():
        if isinstance(values, dict):
            assert set(values) - NOT_READ <= set(defaults[part]), part
        else:
            assert part in defaults


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    root = Path(__file__).parent.parent
    words = ["pip", "--disable-pip-version-check", "--quiet", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([sys.executable, "-m", *words, "--wheel-dir", str(folder), str(root)], check=True)
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_carries_template_and_data(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for template in map(template_directory, (MODEL, PLUGIN)):
        for path in template.rglob("*"):
            if path.is_file():
                assert f"scaffold/{template.name}/{path.relative_to(template).as_posix()}" in names
    assert "scaffold_validators/signatures.yaml" in names
    assert "codemods/catalog.py" in names
    assert not any(name.startswith("tests/") for name in names)


def test_an_installed_scaffold_finds_it_outside_of_a_checkout(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "import scaffold.rendering.template as t; print(t.template_directory())"
    run = [sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv[1]); " + code, str(tmp_path / "site")]
    result = subprocess.run(run, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert result.stdout.strip() == str(tmp_path / "site" / "scaffold" / "cookiecutter-model")
