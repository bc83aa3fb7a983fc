"""The function of ``vllm_ascend`` that vLLM calls, through an entry point, to register out-of-tree models."""

from __future__ import annotations

import ast

from codemods.codemod import Codemod, Example, RefusedExample
from codemods.entries.listing import Splice, spliced
from codemods.entries.python.source import read_source
from codemods.refusal import Refusal

WHERE = "vllm_ascend/__init__.py"
NAME = "register_model"
_FUNCTION = """\


def register_model():
    from .models import register_model

    register_model()
"""


def model_hook(text: str) -> str:
    """Add ``register_model`` behind the last of the functions that vLLM calls so; one that is there stays.

    Raises `Refusal` if the file has no such functions, or gives the name to something else.
    """
    source = read_source(text, WHERE)
    functions = [s for s in source.tree.body if isinstance(s, ast.FunctionDef)]
    if any(function.name == NAME for function in functions):
        return text
    names = {node.id for node in ast.walk(source.tree) if isinstance(node, ast.Name)}
    hooks = [function for function in functions if function.name.startswith("register")]
    if not hooks or NAME in names:
        raise Refusal(
            f"{NAME} is not a function" if NAME in names else "no functions that register something",
            where=WHERE,
            expected=f"functions such as `def register():`, and no {NAME} other than a function",
            remedy="check that this is a vllm-ascend source tree",
        )
    last = source.end(hooks[-1])
    line_end = source.lines[hooks[-1].lineno - 1][len(source.lines[hooks[-1].lineno - 1].rstrip("\r\n")) :] or "\n"
    after = source.line_end(last - 1)
    opened = "" if source.text[:after].endswith(("\n", "\r")) else line_end
    return spliced(text, [Splice(after, after, opened + _FUNCTION.replace("\n", line_end))])


_BEFORE = '''\
def register():
    """Register the device."""
    return "trees.platform"


def register_connector():
    from trees.roots import register_connector

    register_connector()
'''

CODEMOD = Codemod(
    name="ascend-model-hook",
    summary="make vllm_ascend register its out-of-tree models when vLLM requests them",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/vllm_ascend/__init__.py",
    tree="vllm-ascend",
    targets=(WHERE,),
    parameters=(),
    transform=model_hook,
    examples=(
        Example({}, _BEFORE, _BEFORE + _FUNCTION),
        Example(
            {}, _BEFORE + _FUNCTION + "\n\nimport trees  # noqa\n", _BEFORE + _FUNCTION + "\n\nimport trees  # noqa\n"
        ),
        RefusedExample({}, "x = 1\n", "no functions that register something"),
        RefusedExample({}, _BEFORE + "register_model = register\n", "register_model is not a function"),
    ),
)
