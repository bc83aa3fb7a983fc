"""``plugin``: an installable package of its own, the entry point of which registers the architecture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from codemods import ChangeSet
from scaffold.common.errors import UsageError
from scaffold.placement.protocol import Implementation, Placement, Site
from scaffold.placement.registration import MODELS_PACKAGE, ConfigModule, dotted
from scaffold.rendering.template import PLUGIN as TEMPLATE
from scaffold.rendering.template import render


def plugin_package(module: str) -> str:
    """Return the import package of a plugin.

    Raises:
        UsageError: the model type gives no name that a distribution may have.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", module):
        raise UsageError(
            f"the module name {module!r}",
            where="model_type in config.json",
            expected="a name of ASCII letters, digits and underscores, as distributions need one",
            remedy="choose another --placement",
        )
    return f"vllm_{module}"


def distribution(module: str) -> str:
    """Return the name of the distribution, which is that of its folder too.

    Raises:
        UsageError: the model type gives no name that a distribution may have.
    """
    return plugin_package(module).replace("_", "-")


def place(changes: ChangeSet, implementation: Implementation, site: Site) -> ChangeSet:
    """Add the package.

    Raises:
        UsageError: the model type gives no name that a distribution may have.
    """
    assert site.output is not None
    code, registration, package = implementation.code, implementation.registration, plugin_package(site.module)
    module = dotted(registration.module, MODELS_PACKAGE)
    if code is not None:
        module = f"{package}.{code.module}"
        path = Path("src") / package / f"{code.module}.py"
        changes = site.create_python(changes, site.output, path, code.stand_alone, settings=site.vllm)
        if code.config is not None:
            path = path.with_name(f"{code.config.module}.py")
            changes = site.create_python(changes, site.output, path, code.config.text, settings=site.vllm)
    config = code.config if code is not None else None
    for file, text in _package(f"{module}:{registration.class_name}", registration.architecture, config, site).items():
        changes = site.create(changes, site.output / file, text.strip() + "\n")
    return changes


def _package(target: str, architecture: str, config: ConfigModule | None, site: Site) -> dict[str, str]:
    """Return path → text of the files of an installable package around an adapter.

    Its entry point in the group ``vllm.general_plugins`` registers the architecture in every vLLM process
    (vLLM: docs/design/plugin_system.md).
    """
    context: dict[str, Any] = {
        "distribution": distribution(site.module),
        "package": plugin_package(site.module),
        "model_name": site.name,
        "architecture": architecture,
        "target": target,
        "licence_header": site.licence_header,
        "config": {
            "model_type": config.model_type if config is not None else "",
            "module": config.module if config is not None else "",
            "class_name": config.class_name if config is not None else "",
        },
    }
    return render(context, TEMPLATE)


PLUGIN = Placement("plugin", place, edits_trees=False)
