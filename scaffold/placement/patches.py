"""A minimal vllm-ascend worker patch: the file, its import, its entry in the patch log."""

from __future__ import annotations

import re
from pathlib import Path

from codemods import ChangeSet, edit, module_file
from scaffold.common.errors import UsageError


def add_worker_patch(changes: ChangeSet, vllm: Path, delivery: Path, name: str, target: str) -> ChangeSet:
    """Add a patch of ``target``, such as ``vllm.model_executor.models.nova.NovaMLP.forward``.

    Raises:
        UsageError: no module of the vLLM tree is a part of the target.
        Refusal: a codemod refuses, for instance because the module has no such function.
    """
    if module_file(changes, vllm, target) is None:
        raise UsageError(
            f"the target {target!r}",
            where="--patch",
            expected=f"the dotted name of a function in {vllm}",
            remedy="write module, class and function, such as vllm.model_executor.models.llama.LlamaMLP.forward",
        )
    return edit(
        changes,
        "add-patch",
        delivery,
        module="patch_" + re.sub(r"\W+", "_", name).strip("_").lower(),
        target=target,
        vllm=str(vllm),
        why=f"To be written: what of it does not work on Ascend for {name}.",
        how="Replace it with a function that calls the original one.",
        related_pr="No, it has not been proposed to vLLM yet.",
        future_plan="Remove this patch when vLLM works on Ascend without it.",
    )
