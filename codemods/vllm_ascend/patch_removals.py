"""A patch taken out again: its import, its entry in the log, its file, as the codemods that add them wrote them."""

from __future__ import annotations

import ast
import re

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.refusal import Refusal
from codemods.text.import_member import without_unused
from codemods.text.lines import python_lines, split_lines
from codemods.text.names import one_of
from codemods.text.python_text import parse_tree
from codemods.vllm_ascend import log_entries, patch_import
from codemods.vllm_ascend.patch_names import KINDS, PACKAGE, patch_file, patch_module


def remove_import(text: str, *, module: str, kind: str = "worker") -> str:
    """Take the import of a patch out, with its condition where it is the only statement under one.

    What only that condition used is imported no longer, if the imports of the file's top level brought it.

    Raises `Refusal` where the statement imports others, too, or where it stands alone beside an ``else``.
    """
    name = f"{PACKAGE}.{one_of(kind, KINDS, 'kind')}.{patch_module(module)}"
    where = patch_import.WHERE.format(kind=kind)
    tree = parse_tree(text, where)
    lines = python_lines(text)
    spans = [span for body, owner in _blocks(tree) for span in _found(body, owner, name, where)]
    for start, end in sorted(spans, reverse=True):
        del lines[start:end]
        if 0 < start < len(lines) and not lines[start - 1].strip() and not lines[start].strip():
            del lines[start]
        elif start == len(lines) and start and not lines[start - 1].strip():
            del lines[start - 1]
    return without_unused("".join(lines), _names(tree) - _names(parse_tree("".join(lines), where)), where)


def _names(tree: ast.Module) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def remove_log(text: str, *, module: str, kind: str = "worker") -> str:
    """Take all entries about a patch out of the log; of a list of files the one. The numbers of others stay."""
    file = patch_file(module, one_of(kind, KINDS, "kind"))
    lines = split_lines(text)
    for entry in reversed(log_entries.entries_of(lines, file)):
        if len(entry.files) > 1:
            names = [re.escape(file), re.escape(file.rpartition("/")[2])]
            pattern = rf"(?:,\s*(?:{'|'.join(names)})(?![\w.])|(?<![\w./])(?:{'|'.join(names)})\s*,\s*)"
            lines[entry.start] = re.sub(pattern, "", lines[entry.start], count=1)
            continue
        start = entry.start
        is_open = lines[entry.end - 1].strip() != "#"
        if is_open and start and lines[start - 1].strip() == "#":
            start -= 1
        del lines[start : entry.end]
    return "".join(lines)


def remove_file(text: str, *, module: str, kind: str = "worker", users: str = "") -> str:
    """Empty a patch file, which removes it. Raises `Refusal` while ``users``, files a line each, name it."""
    file = patch_file(module, one_of(kind, KINDS, "kind"))
    known = [line for line in users.splitlines() if line.strip()]
    if text and known:
        raise Refusal(
            f"{', '.join(known[:6])} name{'s' * (len(known) == 1)} {file}, too",
            where=f"vllm_ascend/patch/{file}",
            expected="no file of the tree but the patch package's own imports",
            remedy="remove those uses first",
        )
    return ""


def _blocks(tree: ast.Module) -> list[tuple[list[ast.stmt], ast.stmt | None]]:
    """Return the bodies of a module with the statement that each belongs to."""
    found: list[tuple[list[ast.stmt], ast.stmt | None]] = [(tree.body, None)]
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.Try):
            found += [(body, node) for body in (node.body, node.orelse) if body]
    return found


def _found(body: list[ast.stmt], owner: ast.stmt | None, name: str, where: str) -> list[tuple[int, int]]:
    """Return the lines to remove, counted from 0, of the block's imports of a patch."""
    spans = []
    for node in body:
        if not isinstance(node, ast.Import) or name not in [alias.name for alias in node.names]:
            continue
        is_alone = owner is not None and len(body) == 1
        orelse = getattr(owner, "orelse", [])
        if len(node.names) > 1 or (is_alone and orelse and body is not orelse):
            raise Refusal(
                "the import shares a statement with others, or is alone before an `else`",
                where=f"{where} line {node.lineno}",
                expected="an import statement of its own",
                remedy="remove it by hand",
            )
        if is_alone and owner is not None and body is orelse:
            last = owner.body[-1] if isinstance(owner, ast.If) else owner
            spans.append((last.end_lineno or 0, node.end_lineno or 0))
        else:
            removed = owner if is_alone and owner is not None else node
            spans.append((removed.lineno - 1, removed.end_lineno or 0))
    return spans


_CEDAR = {"module": "patch_cedar"}
_IMPORTS = """\
import vllm_ascend.patch.worker.patch_birch  # noqa
import vllm_ascend.patch.worker.patch_cedar  # noqa

if is_old():
    import vllm_ascend.patch.worker.patch_thorn  # noqa

import vllm_ascend.patch.worker.patch_willow  # noqa
"""
_THORN = "if is_old():\n    import vllm_ascend.patch.worker.patch_thorn  # noqa\n\n"
_USED = "from trees import is_old\n\n"
_ELSE = """\
if is_old():
    import vllm_ascend.patch.worker.patch_a  # noqa
else:
    import vllm_ascend.patch.worker.patch_b  # noqa
"""
_HEAD = "# * Worker Patch:\n# ===\n"
_BIRCH = "# ** 1. File: worker/patch_birch.py**\n# ~~~\n#   1. `Birch.grow`\n"
_ENTRY = "# ** 2. File: worker/patch_cedar.py**\n# ~~~\n#   1. `Cedar.grow`\n"
_WILLOW = "# ** 3. File: worker/patch_willow.py**\n# ~~~\n#   1. `Willow.grow`\n"
_PARAMETERS = (
    Parameter("module", "the patch module's name, such as patch_cedar or patch_v2.patch_cedar"),
    Parameter("kind", "worker or platform", "worker"),
)
_UPSTREAM = "https://github.com/vllm-project/vllm-ascend/blob/main/vllm_ascend/patch/__init__.py"

IMPORT = Codemod(
    name="ascend-patch-import-removal",
    summary="stop applying a patch",
    upstream=_UPSTREAM,
    tree="vllm-ascend",
    targets=(patch_import.WHERE,),
    parameters=_PARAMETERS,
    transform=remove_import,
    examples=(
        Example(_CEDAR, _IMPORTS, _IMPORTS.replace("import vllm_ascend.patch.worker.patch_cedar  # noqa\n", "")),
        Example({"module": "patch_thorn"}, _IMPORTS, _IMPORTS.replace(_THORN, "")),
        Example({"module": "patch_thorn"}, _USED + _IMPORTS, _IMPORTS.replace(_THORN, "")),
        Example(
            {"module": "patch_thorn"},
            "from trees import age, is_old\n\n" + _IMPORTS + "print(age)\n",
            "from trees import age\n\n" + _IMPORTS.replace(_THORN, "") + "print(age)\n",
        ),
        Example({"module": "patch_b"}, _ELSE, _ELSE[: _ELSE.index("else:")]),
        Example({"module": "patch_oak"}, _IMPORTS, _IMPORTS),
        RefusedExample({"module": "patch_a"}, _ELSE, "alone before an `else`"),
        RefusedExample({"module": "cedar"}, _IMPORTS, "starts with `patch_`"),
    ),
)
LOG = Codemod(
    name="ascend-patch-log-removal",
    summary="remove a patch from vllm-ascend's patch log",
    upstream=_UPSTREAM,
    tree="vllm-ascend",
    targets=(log_entries.WHERE,),
    parameters=_PARAMETERS,
    transform=remove_log,
    examples=(
        Example(_CEDAR, f"{_HEAD}{_BIRCH}#\n{_ENTRY}#\n{_WILLOW}", f"{_HEAD}{_BIRCH}#\n{_WILLOW}"),
        Example(_CEDAR, f"{_HEAD}{_BIRCH}#\n{_ENTRY}", f"{_HEAD}{_BIRCH}"),
        Example(
            _CEDAR,
            f"{_HEAD}# ** Files: worker/patch_cedar.py, worker/patch_oak.py **\n#   1. `x.y`\n",
            f"{_HEAD}# ** Files: worker/patch_oak.py **\n#   1. `x.y`\n",
        ),
        Example({"module": "patch_oak"}, f"{_HEAD}{_BIRCH}", f"{_HEAD}{_BIRCH}"),
        RefusedExample({"module": "../x"}, _HEAD, "module"),
    ),
)
FILE = Codemod(
    name="ascend-patch-file-removal",
    summary="delete a patch file that nothing else names",
    upstream=_UPSTREAM,
    tree="vllm-ascend",
    targets=("vllm_ascend/patch/{kind}/{module_path}.py",),
    parameters=(*_PARAMETERS, Parameter("users", "files that name the patch's module, one per line", "")),
    transform=remove_file,
    examples=(
        Example(_CEDAR, "import os\n", ""),
        RefusedExample({**_CEDAR, "users": "tests/ut/test_cedar.py\n"}, "import os\n", "test_cedar.py names"),
    ),
    removes=True,
)
