"""A model that multiplies block-quantised float8 weights by their scales at load, for devices without kernels."""

from __future__ import annotations

import ast
import re

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.models.class_source import class_source
from codemods.refusal import Refusal
from codemods.text.import_member import with_import
from codemods.text.names import dotted_name

HELPER = "_dequantised_fp8"
_HELPER = '''\
def _dequantised_fp8(
    model: torch.nn.Module,
    weights: Iterable[tuple[str, torch.Tensor]],
    block: tuple[int, int],
) -> Iterable[tuple[str, torch.Tensor]]:
    """Multiply float8 weights by the scales of their blocks, in whichever order they come.

    Each weight has exactly one scale, of the shape that its blocks need. A model whose own parameters are float8 gets
    the tensors as they are.
    """
    kinds = (torch.float8_e4m3fn, torch.float8_e5m2)
    if any(parameter.dtype in kinds for parameter in model.parameters()):
        yield from weights
        return
    rows, columns = block
    waiting: dict[str, tuple[bool, torch.Tensor]] = {}
    done: set[str] = set()
    for name, tensor in weights:
        is_scale = name.endswith("{ending}")
        if not is_scale and tensor.dtype not in kinds:
            yield name, tensor
            continue
        stem = name.removesuffix("{ending}") + "{weight}" if is_scale else name
        if stem in done or waiting.get(stem, (not is_scale,))[0] is is_scale:
            raise ValueError(f"{{name}} comes twice")
        if stem not in waiting:
            waiting[stem] = is_scale, tensor
            continue
        other = waiting.pop(stem)[1]
        weight, scale = (other, tensor) if is_scale else (tensor, other)
        height, width = weight.shape[-2:]
        blocks = (-(-height // rows), -(-width // columns))
        if weight.dtype not in kinds or tuple(scale.shape[-2:]) != blocks:
            raise ValueError(
                f"{{stem}}: {{weight.dtype}} {{tuple(weight.shape)}} with scales "
                f"{{tuple(scale.shape)}}; expected float8 with {{blocks}} for blocks of {{block}}"
            )
        full = scale.float().repeat_interleave(rows, -2)[..., :height, :]
        full = full.repeat_interleave(columns, -1)[..., :width]
        done.add(stem)
        yield stem, (weight.float() * full).to(torch.get_default_dtype())
    if waiting:
        raise ValueError(f"without their other half: {{sorted(waiting)[:5]}}")


'''


def fp8_dequant(text: str, *, module: str, class_name: str, block: str, scale: str = "weight_scale_inv") -> str:
    """Have a class's ``load_weights`` dequantise: a helper before the class, and one statement that calls it.

    ``block`` is the checkpoint's ``weight_block_size``, such as ``128x128``; ``scale`` is what stands in place of
    ``weight`` in the name of a scale. Raises `Refusal` if the class has no ``load_weights(self, weights)`` of its own.
    """
    where = module.replace(".", "/") + ".py"
    found = class_source(text, class_name, where)
    sizes = re.fullmatch(r"([1-9]\d*)\s*[x,]\s*([1-9]\d*)", block.strip())
    if not sizes:
        raise Refusal(
            repr(block),
            where="block",
            expected="rows and columns of a block, such as 128x128: `weight_block_size` in config.json",
            remedy="pass the checkpoint's block size",
        )
    method = found.method("load_weights")
    arguments = [argument.arg for argument in method.args.args] if method else []
    if method is None or len(arguments) < 2:
        raise found.refusal(
            "no `load_weights` of its own",
            "`def load_weights(self, weights)`",
            "name the class that loads the weights, such as the one for causal language modelling",
            method,
        )
    name = arguments[1]
    line = f"{name} = {HELPER}(self, {name}, ({sizes[1]}, {sizes[2]}))"
    calls = [part for part in ast.walk(method) if isinstance(part, ast.Call) and ast.unparse(part.func) == HELPER]
    if calls:
        if any(ast.unparse(call) == line.partition(" = ")[2] for call in calls):
            return text
        raise found.refusal("it dequantises already, with other blocks", line, "edit that line", calls[0])
    first = found.first_statement(method.body)
    at = found.line_start(first)
    edits = [(at, at, f"{found.indent(first)}{line}\n")]
    if not any(isinstance(node, ast.FunctionDef) and node.name == HELPER for node in ast.parse(text).body):
        top = found.line_start(found.node)
        ending = dotted_name(scale, "scale")
        helper = _HELPER.replace("{ending}", f".{ending}").replace("{weight}", ".weight")
        edits.append((top, top, helper.replace("{{", "{").replace("}}", "}")))
    edited = found.spliced(*edits)
    edited = with_import(edited, "", "", where, plain="import torch")
    return with_import(edited, "collections.abc", "Iterable", where)


_BEFORE = """\
from collections.abc import Iterable

import torch


class Cedar:
    def load_weights(self, weights):
        return AutoWeightsLoader(self).load_weights(weights)


class Birch:
    pass
"""
_CEDAR = {"module": "vllm.model_executor.models.cedar", "class_name": "Cedar", "block": "128x128"}
_SHOWN = _HELPER.replace("{ending}", ".weight_scale_inv").replace("{weight}", ".weight")
_AFTER = _BEFORE.replace("class Cedar", _SHOWN.replace("{{", "{").replace("}}", "}") + "class Cedar").replace(
    "        return Auto", "        weights = _dequantised_fp8(self, weights, (128, 128))\n        return Auto"
)
CODEMOD = Codemod(
    name="fp8-dequant-on-load",
    summary="make a vLLM model multiply float8 weights by their scales during loading",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/v0.18.0/vllm_ascend/patch/worker/patch_minimax_m2.py",
    tree="vllm",
    targets=("{module_path}.py",),
    parameters=(
        Parameter("module", "the model's module, such as vllm.model_executor.models.minimax_m2"),
        Parameter("class_name", "the class that loads the weights"),
        Parameter("block", "rows and columns that share a scale, such as 128x128"),
        Parameter("scale", "what replaces `weight` in the name of a scale", "weight_scale_inv"),
    ),
    transform=fp8_dequant,
    examples=(
        Example(_CEDAR, _BEFORE, _AFTER),
        RefusedExample({**_CEDAR, "block": "64x64"}, _AFTER, "already, with other blocks"),
        RefusedExample({**_CEDAR, "block": "128"}, _BEFORE, "block"),
        RefusedExample({**_CEDAR, "class_name": "Birch"}, _BEFORE, "no `load_weights` of its own"),
    ),
)
