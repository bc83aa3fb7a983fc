"""Names of patch modules: ``patch_x``, or ``patch_v2.patch_x`` in a sub-package, of the kind worker or platform."""

from __future__ import annotations

from codemods.refusal import Refusal
from codemods.text.names import dotted_name

KINDS = ("worker", "platform")
PACKAGE = "vllm_ascend.patch"


def patch_module(value: str) -> str:
    """Return the name of a patch module below its kind's package. Raises `Refusal` if it is none."""
    if not dotted_name(value, "module").rpartition(".")[2].startswith("patch_"):
        raise Refusal(
            repr(value),
            where="module",
            expected="a name that starts with `patch_`",
            remedy="rename the module",
        )
    return value


def patch_file(module: str, kind: str) -> str:
    """Return the file below ``vllm_ascend/patch``, as the log names it: ``worker/patch_v2/patch_x.py``."""
    return f"{kind}/{patch_module(module).replace('.', '/')}.py"
