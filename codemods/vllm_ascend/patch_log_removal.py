"""The codemod of a patch's log that is taken out: see `codemods.vllm_ascend.patch_removals`."""

from codemods.vllm_ascend.patch_removals import LOG as CODEMOD

__all__ = ["CODEMOD"]
