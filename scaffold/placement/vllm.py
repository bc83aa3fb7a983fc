"""``vllm``: into vLLM's own tree, with a line in its ``registry.py``."""

from __future__ import annotations

from codemods import ChangeSet
from scaffold.placement.protocol import Implementation, Placement, Site
from scaffold.placement.registration import register_config_in_vllm, register_in_vllm
from scaffold.roots.vllm_tree import CONFIG_CLASSES, MODELS, PROCESSORS


def place(changes: ChangeSet, implementation: Implementation, site: Site) -> ChangeSet:
    """Add module, registration, the config's class where there is none, and the stub of a processor.

    Raises:
        Refusal: the tree has another class for this model type.
    """
    code, tree = implementation.code, site.vllm
    if code is not None:
        changes = site.create_python(changes, tree, MODELS / f"{code.module}.py", code.in_tree, settings=tree)
    changes = register_in_vllm(changes, tree, implementation.registration)
    if code is not None and code.config is not None:
        path = CONFIG_CLASSES / f"{code.config.module}.py"
        changes = site.create_python(changes, tree, path, code.config.text, settings=tree)
        changes = register_config_in_vllm(changes, tree, code.config)
    if code is not None and code.processor:
        stub = PROCESSORS / f"{code.module}.py"
        changes = site.create_python(changes, tree, stub, code.processor, settings=tree)
    return changes


VLLM = Placement("vllm", place, edits_registry=True, has_processors=True)
