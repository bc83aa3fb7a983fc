"""Templates are compiled once in a process, and again when they change."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jinja2
import pytest

from scaffold.rendering.template import PLUGIN, render, template_directory

README = "README.md"


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin's template that may be edited."""
    copied = Path(shutil.copytree(template_directory(PLUGIN), tmp_path / PLUGIN))
    monkeypatch.setattr("scaffold.rendering.template.template_directory", lambda name: copied)
    return copied


def context(template: Path) -> dict[str, object]:
    return dict(json.loads((template / "cookiecutter.json").read_text()))


def test_a_template_that_changed_is_compiled_again(template: Path) -> None:
    before = render(context(template), PLUGIN)
    (file,) = template.rglob(README)
    file.write_text(file.read_text() + "More: {{ cookiecutter.package }}.\n")
    after = render(context(template), PLUGIN)
    assert after[README] == before[README] + f"More: {context(template)['package']}.\n"


def test_a_file_is_not_compiled_twice(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = render(context(template), PLUGIN)
    compiled: list[str] = []
    compile_source = jinja2.Environment.compile

    def noted(self: jinja2.Environment, source: str, name: str | None = None, *rest: object, **more: object) -> object:
        compiled.append(name or "")
        return compile_source(self, source, name, *rest, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(jinja2.Environment, "compile", noted)
    assert render(context(template), PLUGIN) == first
    assert [name for name in compiled if name] == []  # names of folders have none


def test_a_folder_that_is_left_out_is_not_there(template: Path) -> None:
    whole = render(context(template), PLUGIN)
    rest = render(context(template), PLUGIN, without=("src",))
    assert rest == {name: text for name, text in whole.items() if not name.startswith("src/")}
    assert rest != whole
