"""The codemod that removes a patch's import: see `codemods.vllm_ascend.patch_removals`."""

from codemods.vllm_ascend.patch_removals import IMPORT as CODEMOD

__all__ = ["CODEMOD"]
