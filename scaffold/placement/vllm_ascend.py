"""``vllm-ascend``: into the ``models/`` of vllm-ascend, with a call of ``register_model`` beside it."""

from __future__ import annotations

from pathlib import Path

from codemods import ChangeSet
from scaffold.placement.protocol import Implementation, Placement, Site
from scaffold.placement.registration import ASCEND_MODELS, MODELS_PACKAGE, register_config_in_ascend, register_in_ascend


def place(changes: ChangeSet, implementation: Implementation, site: Site) -> ChangeSet:
    """Add module and registration, and the config's class where there is none.

    Raises:
        Refusal: this vllm-ascend has no models of its own.
    """
    assert site.delivery is not None
    code, tree, package = implementation.code, site.delivery, MODELS_PACKAGE
    if code is not None:
        package = ".".join(ASCEND_MODELS.parts)
        path = ASCEND_MODELS / f"{code.module}.py"
        changes = site.create_python(changes, tree, path, code.stand_alone, settings=tree)
    changes = register_in_ascend(changes, tree, implementation.registration, package)
    if code is not None and code.config is not None:
        path = ASCEND_MODELS / f"{code.config.module}.py"
        changes = site.create_python(changes, tree, path, code.config.text, settings=tree)
        changes = register_config_in_ascend(changes, tree, code.config, package)
    return changes


def takes_models(tree: Path) -> bool:
    """Return whether a vllm-ascend tree has models of its own: 0.11, 0.23 and later have, 0.13 and 0.18 have not."""
    return (tree / ASCEND_MODELS / "__init__.py").is_file()


VLLM_ASCEND = Placement("vllm-ascend", place)
