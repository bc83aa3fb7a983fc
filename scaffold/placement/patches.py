"""A minimal vllm-ascend worker patch: the file, its import, its entry in the patch log."""

from __future__ import annotations

import re
from pathlib import Path

from codemods import ChangeSet, find_codemod, target_file
from scaffold.common.errors import UsageError
from scaffold.delivery.layout import PATCHES


def add_worker_patch(changes: ChangeSet, vllm: Path, delivery: Path, name: str, target: str) -> ChangeSet:
    """Add a patch of ``target``, such as ``vllm.model_executor.models.nova.NovaMLP.forward``.

    Raises:
        UsageError: no module of the vLLM tree is a part of the target.
        Refusal: a codemod refuses, for instance as the module has no such function.
    """
    source = _module_source(changes, vllm, target)
    module = "patch_" + re.sub(r"\W+", "_", name).strip("_").lower()
    header = PATCHES / "worker" / "__init__.py"
    patch = {
        "module": module,
        "target": target,
        "source": source,
        "header_source": changes.read(delivery / header) or "",
    }
    log = {
        "module": module,
        "target": target,
        "why": f"To be written: what of it does not work on Ascend for {name}.",
        "how": "Replace it with a function that calls the original one.",
        "related_pr": "No, it has not been proposed to vLLM yet.",
        "future_plan": "Remove this patch when vLLM works on Ascend without it.",
    }
    creation = find_codemod("ascend-worker-patch")
    path = target_file(creation, delivery, patch)
    changes = changes.create(path, creation.run(changes.read(path) or "", patch))
    for codemod, arguments in (
        (find_codemod("ascend-patch-import"), {"module": module}),
        (find_codemod("ascend-patch-log"), log),
    ):
        file = target_file(codemod, delivery, arguments)
        changes = changes.edit(file, lambda text, c=codemod, a=arguments: c.run(text, a))  # type: ignore[misc]
    return changes


def _module_source(changes: ChangeSet, vllm: Path, target: str) -> str:
    parts = target.split(".")
    if all(part.isidentifier() for part in parts):
        for length in range(len(parts) - 1, 0, -1):
            base = vllm.joinpath(*parts[:length])
            for path in (base.with_suffix(".py"), base / "__init__.py"):
                text = changes.read(path)
                if text is not None:
                    return text
    raise UsageError(
        f"the target {target!r}",
        where="--patch",
        expected=f"the dotted name of a function in {vllm}",
        remedy="write module, class and function, such as vllm.model_executor.models.llama.LlamaMLP.forward",
    )
