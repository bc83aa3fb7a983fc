"""The cookiecutter templates, rendered into memory."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scaffold.common.errors import EnvironmentLacks
from scaffold.rendering.compiled import compiled_templates

JINJA = {"trim_blocks": True, "lstrip_blocks": True}
COMPILED = "__pycache__"
"""What an installer leaves beside a template's Python files: pip compiles those that happen to parse."""

MODEL = "cookiecutter-model"
PLUGIN = "cookiecutter-plugin"


def template_directory(name: str = MODEL) -> Path:
    """Return where a template lies: in the installed package, or at the top of a checkout.

    Raises:
        EnvironmentLacks: it is in neither place.
    """
    package = Path(__file__).resolve().parents[1]
    for path in (package / name, package.parent / name):
        if (path / "cookiecutter.json").is_file():
            return path
    raise EnvironmentLacks(
        "no template",
        where=str(package),
        expected=f"the folder {name}",
        remedy="install vllm-ascend-scaffold again",
    )


def render(context: Mapping[str, Any], template: str = MODEL, without: tuple[str, ...] = ()) -> dict[str, str]:
    """Render a template, the top folders ``without`` left out: compiling their files would take longer than all else.

    cookiecutter's own prompting is left out on purpose: it evaluates Jinja in context *values*, and some of
    these come from a checkpoint. ``generate_files`` takes the values as they are.

    Returns:
        Path inside the rendered project → text.
    """
    from cookiecutter.generate import generate_files

    settings = {**JINJA, "bytecode_cache": compiled_templates()}
    finished = {"cookiecutter": {**context, "_jinja2_env_vars": settings, "_copy_without_render": without}}
    with tempfile.TemporaryDirectory(prefix="scaffold-") as scratch:
        project = Path(
            generate_files(
                repo_dir=str(template_directory(template)),
                context=finished,
                output_dir=scratch,
                accept_hooks=False,
            )
        )
        return {
            name.as_posix(): (project / name).read_text(encoding="utf-8")
            for name in (path.relative_to(project) for path in sorted(project.rglob("*")) if path.is_file())
            if name.parent.name != COMPILED and name.parts[0] not in without
        }
