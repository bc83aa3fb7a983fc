"""``plugin``: an installable package of its own, the entry point of which registers the architecture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from codemods import ChangeSet
from scaffold.placement.protocol import Implementation, Placement, Site
from scaffold.placement.registration import MODELS_PACKAGE, dotted, plugin_package, write_plugin


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
    target = dotted(registration.module, MODELS_PACKAGE)
    if code is not None:
        target = f"{package}.{code.module}"
        path = Path("src") / package / f"{code.module}.py"
        changes = site.create_python(changes, site.output, path, code.stand_alone, settings=site.vllm)
    return write_plugin(
        changes,
        site.output,
        site.name,
        replace(registration, module=target),
        package,
        site.licence_header,
        site.create,
    )


PLUGIN = Placement("plugin", place, edits_trees=False)
