"""The cookiecutter templates, rendered into memory."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scaffold.common.errors import EnvironmentLacks

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


def render(context: Mapping[str, Any], template: str = MODEL) -> dict[str, str]:
    """Render a whole template.

    cookiecutter's own prompting is left out on purpose: it evaluates Jinja in context *values*, and some of
    these come from a checkpoint. ``generate_files`` takes the values as they are.

    Returns:
        Path inside the rendered project → text.
    """
    from cookiecutter.generate import generate_files

    finished = {"cookiecutter": {**context, "_jinja2_env_vars": JINJA}}
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
            path.relative_to(project).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted(project.rglob("*"))
            if path.is_file() and path.parent.name != COMPILED
        }
