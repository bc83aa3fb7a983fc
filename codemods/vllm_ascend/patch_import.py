"""The import of a patch module in vllm-ascend's patch package, which applies the patch."""

from __future__ import annotations

import ast

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.refusal import Refusal
from codemods.text.import_member import bound_names
from codemods.text.lines import python_lines
from codemods.text.names import one_of
from codemods.text.python_text import parse_tree
from codemods.vllm_ascend.guards import Guard, guard, with_names
from codemods.vllm_ascend.patch_names import KINDS, PACKAGE, patch_module

WHERE = "vllm_ascend/patch/{kind}/__init__.py"


def patch_import(text: str, *, module: str, kind: str = "worker", condition: str = "") -> str:
    """Add ``import vllm_ascend.patch.worker.patch_x  # noqa`` (or ``platform``).

    It follows the last import at the top level of the package that the module is in, so that it
    runs after the patches that it may build on. With a ``condition``, such as ``not is_310p()`` or
    ``vllm_version_is("0.23.0")``, it goes to the end of the block under that condition, which is
    written, with what it has to import, where the file has none. Raises `Refusal` if the module is imported under
    another condition, if there is no import to follow, or for a condition whose names nobody knows.
    """
    package = f"{PACKAGE}.{one_of(kind, KINDS, 'kind')}"
    where = WHERE.format(kind=kind)
    name = f"{package}.{patch_module(module)}"
    wanted = guard(condition) if condition else None
    tree = parse_tree(text, where)
    blocks = _blocks(tree, wanted)
    if any(name in _modules(node) for block in blocks for node in block):
        return text
    if name in _modules(tree):
        raise Refusal(
            f"{module} is imported already, under {'another' if wanted else 'a'} condition",
            where=where,
            expected="no import of it, or one at the requested place",
            remedy="remove that import, pass its `condition`, or name the patch differently",
        )
    lines = python_lines(text)
    after = _last_own(tree.body, name.rpartition(".")[0], package)
    if after is None:
        raise Refusal(
            f"no import of `{package}.…`",
            where=where,
            expected="the list of imports that applies the patches",
            remedy="check that this is a vllm-ascend tree",
        )
    line = f"import {name}  # noqa"
    if wanted is None:
        return _inserted(lines, after, line)
    if blocks:
        last = _last_own(blocks[0], name.rpartition(".")[0], package) or blocks[0][-1]
        return _inserted(lines, last, line)
    added = _inserted(lines, after, "", f"if {wanted.text}:", f"    {line}")
    return with_names(added, sorted(wanted.names - bound_names(tree)), where)


def _blocks(tree: ast.Module, wanted: Guard | None) -> list[list[ast.stmt]]:
    """Return the statements of the top level, or those of each block that is under a condition."""
    if wanted is None:
        return [tree.body]
    conditions = [node for node in tree.body if isinstance(node, ast.If)]
    same = [node.body for node in conditions if wanted.is_same(node.test)]
    opposite = [node.orelse for node in conditions if wanted.is_opposite(node.test)]
    return same + [block for block in opposite if block and not isinstance(block[0], ast.If)]


def _modules(node: ast.AST) -> set[str]:
    """Return what imports name, in either form: those of a statement itself, or of all of a file."""
    nodes = list(ast.walk(node)) if isinstance(node, ast.Module) else [node]
    plain = {alias.name for found in nodes if isinstance(found, ast.Import) for alias in found.names}
    members = (found for found in nodes if isinstance(found, ast.ImportFrom) and not found.level)
    return plain | {f"{found.module}.{alias.name}" for found in members for alias in found.names}


def _last_own(body: list[ast.stmt], nearest: str, package: str) -> ast.stmt | None:
    """Return the statement to follow: the last import of the nearest package, else of the kind's, plain or not."""
    for wanted in (nearest, package):
        own = [node for node in body if any(name.rpartition(".")[0] == wanted for name in _modules(node))]
        if own:
            return own[-1]
    within = [
        node for node in body for part in ast.walk(node) if any(n.startswith(f"{package}.") for n in _modules(part))
    ]
    return within[-1] if within else None


def _inserted(lines: list[str], after: ast.stmt, *new: str) -> str:
    """Return the text with new lines after a statement's, indented and ended as that is."""
    at = after.end_lineno or after.lineno
    last = lines[at - 1]
    end = "\r\n" if last.endswith("\r\n") else "\r" if last.endswith("\r") else "\n"
    indent = lines[after.lineno - 1][: after.col_offset]
    before = lines[:at]
    if not last.endswith(("\n", "\r")):
        before[-1] += end
    return "".join([*before, *(f"{indent}{line}{end}" if line else end for line in new), *lines[at:]])


_BEFORE = """\
# Patches of the trees.
from trees import IS_OLD

import vllm_ascend.patch.worker.patch_birch  # noqa
import vllm_ascend.patch.worker.patch_willow  # noqa

if IS_OLD:
    import vllm_ascend.patch.worker.patch_thorn  # noqa
else:
    import vllm_ascend.patch.worker.patch_rose  # noqa
try:
    import vllm_ascend.patch.worker.patch_yew  # noqa
except ImportError:
    pass

# Only for the new runner.
import vllm_ascend.patch.worker.patch_v2.patch_willow  # noqa
"""
_CEDAR = "import vllm_ascend.patch.worker.patch_cedar  # noqa\n"
_LAST = "import vllm_ascend.patch.worker.patch_v2.patch_willow  # noqa\n"

CODEMOD = Codemod(
    name="ascend-patch-import",
    summary="apply a patch when vllm-ascend starts",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/docs/source/developer_guide/Design_Documents/patch.md",
    tree="vllm-ascend",
    targets=(WHERE,),
    parameters=(
        Parameter("module", "the patch module's name, such as patch_cedar or patch_v2.patch_cedar"),
        Parameter("kind", "worker (when a worker starts) or platform (earlier)", "worker"),
        Parameter("condition", "the condition under which it is applied, such as `not is_310p()`", ""),
    ),
    transform=patch_import,
    examples=(
        Example(
            {"module": "patch_cedar"},
            _BEFORE,
            _BEFORE.replace("patch_willow  # noqa\n\nif", f"patch_willow  # noqa\n{_CEDAR}\nif"),
        ),
        Example(
            {"module": "patch_v2.patch_cedar"},
            _BEFORE,
            f"{_BEFORE}import vllm_ascend.patch.worker.patch_v2.patch_cedar  # noqa\n",
        ),
        Example(
            {"module": "patch_cedar", "condition": "IS_OLD"},
            _BEFORE,
            _BEFORE.replace("thorn  # noqa\n", f"thorn  # noqa\n    {_CEDAR}"),
        ),
        Example(
            {"module": "patch_cedar", "condition": "not IS_OLD"},
            _BEFORE,
            _BEFORE.replace("rose  # noqa\n", f"rose  # noqa\n    {_CEDAR}"),
        ),
        Example(
            {"module": "patch_v2.patch_cedar", "condition": 'vllm_version_is("0.23.0")'},
            f"from vllm_ascend.utils import is_310p\n\n{_LAST}",
            f"from vllm_ascend.utils import is_310p, vllm_version_is\n\n{_LAST}\n"
            'if vllm_version_is("0.23.0"):\n    import vllm_ascend.patch.worker.patch_v2.patch_cedar  # noqa\n',
        ),
        Example(  # the form of older releases
            {"module": "patch_cedar"},
            "from vllm_ascend.patch.worker import patch_common  # noqa: F401\n",
            f"from vllm_ascend.patch.worker import patch_common  # noqa: F401\n{_CEDAR}",
        ),
        Example({"module": "patch_birch"}, _BEFORE, _BEFORE),
        Example({"module": "patch_thorn", "condition": "IS_OLD"}, _BEFORE, _BEFORE),
        RefusedExample({"module": "patch_yew"}, _BEFORE, "imported already, under a condition"),
        RefusedExample({"module": "patch_thorn", "condition": "not IS_OLD"}, _BEFORE, "under another condition"),
        RefusedExample({"module": "patch_cedar", "condition": "IS_NEW"}, _BEFORE, "uses IS_NEW"),
        RefusedExample({"module": "patch_cedar", "condition": "True: import os"}, _BEFORE, "condition"),
        RefusedExample({"module": "patch_cedar", "kind": "platform"}, _BEFORE, "no import of"),
        RefusedExample({"module": "patch_cedar", "kind": "../x"}, _BEFORE, "worker or platform"),
        RefusedExample({"module": "cedar"}, _BEFORE, "starts with `patch_`"),
        RefusedExample({"module": "patch_cedar; import os"}, _BEFORE, "module"),
    ),
)
