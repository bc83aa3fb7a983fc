"""A norm over all KV heads when these are replicated: each head counts once, and each rank keeps its own.

If there are more ranks than KV heads, a head is on several ranks. Code that gathers ``k`` from all ranks before
a norm over all heads then has each head several times: the weight is too short, or the variance is wrong.
"""

from __future__ import annotations

import ast

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.models.class_source import ClassSource, class_source

REPLICAS = "num_kv_head_replicas"
NEEDED = ("tp_size", "tp_rank", "total_num_kv_heads", "head_dim")
"""What the class has to set: sizes as vLLM's attention classes name them."""


def local_kv_norm(text: str, *, module: str, class_name: str, norm: str = "k_norm") -> str:
    """Have the method that gathers ``k`` for ``self.k_norm`` drop the replicas, and take its own head back.

    Raises `Refusal` if no method of the class gathers and splits it as vLLM's models do, or if the class does not
    set the sizes.
    """
    found = class_source(text, class_name, module.replace(".", "/") + ".py")
    for method in (node for node in found.node.body if isinstance(node, ast.FunctionDef)):
        name = _normed(method, norm)
        if name is None:
            continue
        if any(isinstance(part, ast.Name) and part.id == REPLICAS for part in ast.walk(method)):
            return text
        gathered, taken = _gathered(method, name), _taken(method, name)
        if gathered is None or taken is None:
            continue
        _check_sizes(found, method)
        return _edited(found, method, gathered, taken, name)
    raise found.refusal(
        f"no method gathers what goes into self.{norm} and takes its own part back",
        f"`k = …all_gather(k…)`, `k = self.{norm}(k)` and `k = split(k)[self.tp_rank]` in one method",
        "name the class of the attention; a norm over one head is local already, and a sharded one does not gather",
    )


def _normed(method: ast.FunctionDef, norm: str) -> str | None:
    """Return the variable that a method gives to ``self.<norm>`` and takes back."""
    for node in ast.walk(method):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and len(node.targets) == 1:
            call, target = node.value, node.targets[0]
            if ast.unparse(call.func) == f"self.{norm}" and len(call.args) == 1 and isinstance(target, ast.Name):
                return target.id if ast.unparse(call.args[0]) == target.id else None
    return None


def _assigned(method: ast.FunctionDef, name: str) -> list[ast.Assign]:
    found = (node for node in ast.walk(method) if isinstance(node, ast.Assign))
    return [node for node in found if [ast.unparse(target) for target in node.targets] == [name]]


def _gathered(method: ast.FunctionDef, name: str) -> ast.Assign | None:
    for node in _assigned(method, name):
        call = node.value
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("all_gather") and call.args:
            taken = ast.unparse(call.args[0])
            if taken in (name, f"{name}.contiguous()"):
                return node
    return None


def _taken(method: ast.FunctionDef, name: str) -> ast.Assign | None:
    for node in _assigned(method, name):
        part = node.value
        call = part.value if isinstance(part, ast.Subscript) and ast.unparse(part.slice) == "self.tp_rank" else None
        if isinstance(call, ast.Call) and [ast.unparse(argument) for argument in call.args] == [name]:
            return node
    return None


def _check_sizes(found: ClassSource, method: ast.FunctionDef) -> None:
    stored = {
        part.attr
        for part in ast.walk(found.node)
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store) and ast.unparse(part.value) == "self"
    }
    missing = [name for name in NEEDED if name not in stored]
    if missing:
        raise found.refusal(
            f"the class does not set {', '.join(f'self.{name}' for name in missing)}",
            ", ".join(f"self.{name}" for name in NEEDED),
            "set them in its __init__ first",
            method,
        )


def _edited(found: ClassSource, method: ast.FunctionDef, gathered: ast.Assign, taken: ast.Assign, name: str) -> str:
    first = found.first_statement(method.body)
    outer, inner, last = found.indent(first), found.indent(gathered), found.indent(taken)
    at, after = found.line_start(first), found.stop(gathered)
    sizes = f"{outer}{REPLICAS} = max(1, self.tp_size // self.total_num_kv_heads)\n"
    once = (
        f"\n{inner}if {REPLICAS} > 1:  # each head is on several ranks, and counts once"
        f"\n{inner}    {name} = {name}.unflatten(-1, (-1, {REPLICAS}, self.head_dim))"
        f"\n{inner}    {name} = {name}[..., 0, :].flatten(-2)"
    )
    own = (
        f"{last}heads = {name}.chunk(self.tp_size // {REPLICAS}, dim=-1)\n"
        f"{last}{name} = heads[self.tp_rank // {REPLICAS}]"
    )
    return found.spliced((at, at, sizes), (after, after, once), (found.line_start(taken), found.stop(taken), own))


_BEFORE = """\
class Cedar:
    def __init__(self, heads, rank, size):
        self.tp_size = size
        self.tp_rank = rank
        self.total_num_kv_heads = heads
        self.head_dim = 2

    def normed(self, q, k):
        if self.tp_size > 1:
            q = all_gather(q.contiguous())
            k = all_gather(k.contiguous())
        q = self.q_norm(q)
        k = self.k_norm(k)
        if self.tp_size > 1:
            q = splitter(q)[self.tp_rank]
            k = splitter(k)[self.tp_rank]
        return q, k
"""
_CEDAR = {"module": "vllm.model_executor.models.cedar", "class_name": "Cedar"}
CODEMOD = Codemod(
    name="local-kv-norm",
    summary="make a norm over all KV heads count each head once if there are more ranks than heads",
    upstream="https://github.com/vllm-project/vllm/blob/main/vllm/model_executor/models/minimax_m2.py",
    tree="vllm",
    targets=("{module_path}.py",),
    parameters=(
        Parameter("module", "the model's module, such as vllm.model_executor.models.olmoe"),
        Parameter("class_name", "the class of its attention"),
        Parameter("norm", "the attribute with the norm", "k_norm"),
    ),
    transform=local_kv_norm,
    examples=(
        Example(
            _CEDAR,
            _BEFORE,
            _BEFORE.replace(
                "        if self.tp_size > 1:\n            q = all",
                "        num_kv_head_replicas = max(1, self.tp_size // self.total_num_kv_heads)\n"
                "        if self.tp_size > 1:\n            q = all",
            )
            .replace(
                "            k = all_gather(k.contiguous())\n",
                "            k = all_gather(k.contiguous())\n"
                "            if num_kv_head_replicas > 1:  # each head is on several ranks, and counts once\n"
                "                k = k.unflatten(-1, (-1, num_kv_head_replicas, self.head_dim))\n"
                "                k = k[..., 0, :].flatten(-2)\n",
            )
            .replace(
                "            k = splitter(k)[self.tp_rank]\n",
                "            heads = k.chunk(self.tp_size // num_kv_head_replicas, dim=-1)\n"
                "            k = heads[self.tp_rank // num_kv_head_replicas]\n",
            ),
        ),
        RefusedExample(_CEDAR, _BEFORE.replace("all_gather(k.contiguous())", "k"), "no method gathers"),
        RefusedExample(_CEDAR, _BEFORE.replace("self.total_num_kv_heads = heads", "pass"), "does not set"),
        RefusedExample({**_CEDAR, "class_name": "Oak"}, _BEFORE, "no class Oak"),
    ),
)
