"""The codemod of a patch's import that is taken out: see `codemods.vllm_ascend.patch_removals`."""

from codemods.vllm_ascend.patch_removals import IMPORT as CODEMOD

__all__ = ["CODEMOD"]
