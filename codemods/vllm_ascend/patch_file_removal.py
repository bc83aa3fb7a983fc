"""The codemod that removes a patch's file: see `codemods.vllm_ascend.patch_removals`."""

from codemods.vllm_ascend.patch_removals import FILE as CODEMOD

__all__ = ["CODEMOD"]
