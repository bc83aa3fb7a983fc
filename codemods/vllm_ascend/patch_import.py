"""The import of a patch module in vllm-ascend's patch package, which applies the patch."""

from __future__ import annotations

import libcst as cst
import libcst.matchers as m

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.refusal import Refusal
from codemods.text.names import identifier, one_of
from codemods.text.python_text import parse_module

KINDS = ("worker", "platform")
WHERE = "vllm_ascend/patch/{kind}/__init__.py"


def patch_import(text: str, *, module: str, kind: str = "worker") -> str:
    """Add ``import vllm_ascend.patch.worker.patch_x  # noqa`` (or ``platform``).

    It follows the last import of the package's own modules that stands at the top level, so that
    it is never under a condition and runs after the patches that it may build on. Raises
    `Refusal` if the module is imported under a condition, or if there is no import to follow.
    """
    package = f"vllm_ascend.patch.{one_of(kind, KINDS, 'kind')}."
    where = WHERE.format(kind=kind)
    if not identifier(module, "module").startswith("patch_"):
        raise Refusal(
            repr(module),
            where="module",
            expected="a name that starts with `patch_`",
            remedy="rename the module",
        )
    tree = parse_module(text, where)
    imports = [_imported(statement) for statement in tree.body]
    if package + module in imports:
        return text
    if package + module in _all_imports(tree):
        raise Refusal(
            f"{module} is imported already, under a condition",
            where=where,
            expected="no import of it, or one at the top level",
            remedy="take the import out of the condition, or name the patch differently",
        )
    own = [i for i, name in enumerate(imports) if name.rpartition(".")[0] + "." == package]
    if not own:
        raise Refusal(
            f"no import of `{package}…` at the top level",
            where=where,
            expected="the list of imports that applies the patches",
            remedy="check that this is a vllm-ascend tree",
        )
    line = cst.parse_statement(f"import {package}{module}  # noqa", tree.config_for_parsing)
    body = [*tree.body[: own[-1] + 1], line, *tree.body[own[-1] + 1 :]]
    return tree.with_changes(body=body).code


def _imported(statement: cst.CSTNode) -> str:
    """Return the module of a plain import of one module, the empty string for all else."""
    if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
        only = statement.body[0]
        if isinstance(only, cst.Import) and len(only.names) == 1 and only.names[0].asname is None:
            return only.names[0].evaluated_name
    return ""


def _all_imports(tree: cst.Module) -> list[str]:
    return [_imported(node) for node in m.findall(tree, m.SimpleStatementLine())]


_BEFORE = """\
# Patches of the trees.
from trees import IS_OLD

import vllm_ascend.patch.worker.patch_birch  # noqa
import vllm_ascend.patch.worker.patch_willow  # noqa

if IS_OLD:
    import vllm_ascend.patch.worker.patch_thorn  # noqa
try:
    import vllm_ascend.patch.worker.patch_yew  # noqa
except ImportError:
    pass

# Only for the new runner.
import vllm_ascend.patch.worker.patch_v2.patch_willow  # noqa
"""

CODEMOD = Codemod(
    name="ascend-patch-import",
    summary="apply a patch when vllm-ascend starts",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/docs/source/developer_guide/Design_Documents/patch.md",
    tree="vllm-ascend",
    targets=(WHERE,),
    parameters=(
        Parameter("module", "the patch module's name, such as patch_cedar"),
        Parameter("kind", "worker (when a worker starts) or platform (before)", "worker"),
    ),
    transform=patch_import,
    examples=(
        Example(
            {"module": "patch_cedar"},
            _BEFORE,
            _BEFORE.replace(
                "patch_willow  # noqa\n\nif",
                "patch_willow  # noqa\nimport vllm_ascend.patch.worker.patch_cedar  # noqa\n\nif",
            ),
        ),
        Example({"module": "patch_birch"}, _BEFORE, _BEFORE),
        RefusedExample({"module": "patch_yew"}, _BEFORE, "imported already, under a condition"),
        RefusedExample({"module": "patch_cedar", "kind": "platform"}, _BEFORE, "no import of"),
        RefusedExample({"module": "patch_cedar", "kind": "../x"}, _BEFORE, "worker or platform"),
        RefusedExample({"module": "cedar"}, _BEFORE, "starts with `patch_`"),
        RefusedExample({"module": "patch_cedar; import os"}, _BEFORE, "module"),
    ),
)
