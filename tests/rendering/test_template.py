"""The template: usable by cookiecutter itself, and nothing in it is evaluated twice."""

from __future__ import annotations

import compileall
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.adapter.context import adapter_context
from scaffold.checkpoint.read import read_checkpoint
from scaffold.feed_forwards import mlp
from scaffold.idioms.frame import NEWEST, Frame
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.mixers import grouped_query
from scaffold.reading.from_source import read_from_source
from scaffold.rendering.formatting import format_python
from scaffold.rendering.template import PLUGIN, render, template_directory
from scaffold.source.locate import find
from scaffold.spec.values import Value
from scaffold.weights.emit import loading
from scaffold.weights.rules import WeightMap
from tests.sampled import costly

NOT_READ = {"multipliers"}
"""What no template reads."""


def test_values_are_never_rendered_as_templates() -> None:
    context = json.loads((template_directory() / "cookiecutter.json").read_text())
    context["delivery"]["architecture"] = "{{ 7 * 7 }}"
    text = render({**context, "model_name": "nova"})
    assert "`{{ 7 * 7 }}`" in text["docs/source/tutorials/models/nova.md"]


@costly
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
    spec = read_from_source(checkpoint, source).decoder
    assert spec is not None
    rules = weight_map_of(spec, checkpoint, source)
    generated = adapter_context(checkpoint.architecture, "PretrainedConfig", spec, rules, checkpoint.tensors)
    defaults = json.loads((template_directory() / "cookiecutter.json").read_text())
    for part, values in generated.items():
        if isinstance(values, dict):
            assert set(values) - NOT_READ <= set(defaults[part]), part
        else:
            assert part in defaults


def test_what_pip_compiles_in_an_installed_template_is_not_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = json.loads((template_directory(PLUGIN) / "cookiecutter.json").read_text())
    installed = shutil.copytree(template_directory(PLUGIN), tmp_path / PLUGIN)
    (package,) = (path.parent for path in installed.rglob("__init__.py"))
    (package / "names.py").write_text('NAME = "{{ cookiecutter.package }}"\n')  # which Python can parse
    monkeypatch.setattr("scaffold.rendering.template.template_directory", lambda name: installed)
    before = render(context, PLUGIN)
    assert 'NAME = "vllm_nova"\n' in before.values()
    compileall.compile_dir(installed, quiet=2)
    assert list(installed.rglob("*.pyc"))
    assert render(context, PLUGIN) == before


VARIABLES = Frame(
    prefix="{{ cookiecutter.prefix }}",
    config_class="{{ cookiecutter.config_class }}",
    hidden_size="{{ cookiecutter.hidden_size_key }}",
    config={"max_position_embeddings": 64},
    target=NEWEST,
    rules=WeightMap(()),
    loading=loading((), (), ("", "")),
)
"""An adapter whose words are cookiecutter's variables: what kinds write into it is a template."""
ATTENTION = replace(
    grouped_query.EXAMPLE.spec, name="self_attn", head_dim=Value(32, "head_dim"), v_head_dim=Value(32, "head_dim")
)
MLP = replace(mlp.EXAMPLE.spec, name="mlp")


def test_cookiecutters_own_blocks_are_those_that_the_kinds_write() -> None:
    defaults = json.loads((template_directory() / "cookiecutter.json").read_text())
    attention = grouped_query.write([ATTENTION], f"{VARIABLES.prefix}Attention", VARIABLES)
    plain = mlp.write([MLP], (), "mlp", VARIABLES)
    folder = template_directory() / "templates" / "adapter"
    assert (folder / "plain_attention.py.jinja").read_text() == attention.text
    assert (folder / "plain_mlp.py.jinja").read_text() == plain.text
    for part, written in (("mixer", attention), ("feed_forward", plain)):
        assert defaults[part]["choices"]["rows"] == [{"condition": "", "lines": list(written.construct.lines)}]
    assert defaults["imports"]["lines"] == sorted({*attention.imports, *plain.imports})
