"""What is in wheel and sdist, and what is not."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from scaffold.rendering.template import MODEL, PLUGIN, template_directory

pytestmark = [pytest.mark.installed, pytest.mark.engine]


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> list[str]:
    """The names in the wheel."""
    (found,) = distributions.glob("*.whl")
    return zipfile.ZipFile(found).namelist()


def test_the_wheel_carries_template_and_data(wheel: list[str]) -> None:
    for template in map(template_directory, (MODEL, PLUGIN)):
        for path in template.rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                assert f"scaffold/{template.name}/{path.relative_to(template).as_posix()}" in wheel
    assert "scaffold_validators/diagnosis/signatures/weights.yaml" in wheel
    assert "codemods/catalog.py" in wheel


def test_the_wheel_takes_no_import_name_but_its_own(wheel: list[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"scaffold", "codemods", "scaffold_validators"}


def test_the_sdist_has_what_the_wheel_is_built_from_and_no_tests(distributions: Path) -> None:
    (found,) = distributions.glob("*.tar.gz")
    with tarfile.open(found) as archive:
        tops = {name.split("/")[1] for name in archive.getnames()}
    templates = {"cookiecutter-model", "cookiecutter-plugin"}
    files = {"README.md", "LICENSE", "pyproject.toml", "PKG-INFO", ".gitignore"}
    assert tops == {"scaffold", "codemods", "validators"} | templates | files
