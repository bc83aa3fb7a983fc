"""``plugin``: an installable package of its own, the entry point of which registers the architecture."""

from __future__ import annotations

import re
from pathlib import Path

from codemods import ChangeSet
from scaffold.common.errors import UsageError
from scaffold.placement.protocol import Implementation, Placement, Site
from scaffold.placement.registration import MODELS_PACKAGE, dotted
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
    for file, text in _package(f"{module}:{registration.class_name}", registration.architecture, site).items():
        changes = site.create(changes, site.output / file, text.strip() + "\n")
    return changes


def _package(target: str, architecture: str, site: Site) -> dict[str, str]:
    """Return path → text of the files of an installable package around an adapter.

    Its entry point in the group ``vllm.general_plugins`` registers the architecture in every vLLM process
    (vLLM: docs/design/plugin_system.md).
    """
    context = {
        "distribution": distribution(site.module),
        "package": plugin_package(site.module),
        "model_name": site.name,
        "architecture": architecture,
        "target": target,
        "licence_header": site.licence_header,
    }
    return render(context, TEMPLATE)


PLUGIN = Placement("plugin", place, edits_trees=False)
