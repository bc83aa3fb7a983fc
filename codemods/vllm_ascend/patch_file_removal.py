"""The codemod of a patch's file that is taken out: see `codemods.vllm_ascend.patch_removals`."""

from codemods.vllm_ascend.patch_removals import FILE as CODEMOD

__all__ = ["CODEMOD"]
