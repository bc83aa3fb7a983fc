"""The codemod that removes a patch's log entry: see `codemods.vllm_ascend.patch_removals`."""

from codemods.vllm_ascend.patch_removals import LOG as CODEMOD

__all__ = ["CODEMOD"]
