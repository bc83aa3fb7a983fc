"""The class of a mixture of attention heads in an adapter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from scaffold.expressions.python import write as write_expression
from scaffold.expressions.uses import imports as imports_of
from scaffold.feed_forwards.experts.adapter import CHOOSES_BY
from scaffold.feed_forwards.experts.spec import RouterSpec
from scaffold.idioms.carried import KV_IMPORTS, KV_LOADER
from scaffold.idioms.construct import construct_mixer
from scaffold.idioms.frame import Frame
from scaffold.idioms.layers import present, same
from scaffold.idioms.per_layer import PerLayer
from scaffold.idioms.rope import IMPORT, get_rope, rope_of
from scaffold.idioms.window import SEES_ALL, SEES_ALL_IMPORT, takes_the_configs
from scaffold.idioms.written import Written
from scaffold.mixers.mixture_of_heads.names import O_EXPERTS, Q_EXPERTS, ROUTER
from scaffold.mixers.mixture_of_heads.spec import MixtureOfHeadsSpec
from scaffold.rendering.fragment import fill
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.values import ONE
from scaffold.vocabulary.lookup import key_of
from scaffold.weights.targets import KV, attribute

TEMPLATE = Path(__file__).parent / "mixture_of_heads.py.jinja"
IMPORTS = (
    "import torch",
    "from torch import nn",
    "from vllm.config import CacheConfig",
    "from vllm.distributed import (get_tensor_model_parallel_world_size, tensor_model_parallel_all_reduce,)",
    "from vllm.model_executor.layers.attention import Attention",
    "from vllm.model_executor.layers.fused_moe import GateLinear",
    "from vllm.model_executor.layers.linear import (QKVParallelLinear,)",
    "from vllm.model_executor.layers.quantization import QuantizationConfig",
    IMPORT,
    SEES_ALL_IMPORT,
    *KV_IMPORTS,
)


def write(layers: Sequence[MixtureOfHeadsSpec | None], class_name: str, frame: Frame) -> Written:
    """Return the class.

    Raises:
        NotUnderstood: layers differ, or tokens choose in a way that there is no idiom for.
    """
    used: list[MixtureOfHeadsSpec] = present(layers)
    spec: MixtureOfHeadsSpec = same(used, "their attention", lambda a: a)
    hidden_size = f"config.{frame.hidden_size}"
    names = {"head_dim": "self.head_dim", "hidden_size": hidden_size}
    names["num_heads"] = f"config.{key_of('num_heads', frame.config)}"
    sizes = {"num_experts": spec.num_experts, "num_kv_heads": spec.num_kv_heads, "head_dim": spec.head_dim}
    numbers = {**sizes, "top_k": spec.top_k, "scale": spec.scale, "kv_bias": spec.kv_bias}
    rope = rope_of(PerLayer({}, ()), [spec.rope], frame)
    text = fill(
        TEMPLATE,
        class_name=class_name,
        frame=frame,
        numbers={name: write_expression(number.tree, names=names) for name, number in numbers.items()},
        names={"q": Q_EXPERTS, "o": O_EXPERTS, "o_bias": attribute(spec.o_bias), "router": ROUTER, "kv": KV},
        spec=spec,
        **_laid_out(spec, hidden_size),
        needs_config=spec.router.scaling != ONE,
        chooses=list(_chooses(spec.router, spec.source)),
        sees_all=SEES_ALL.splitlines() if takes_the_configs(frame.config) else [],
        rotary_emb=get_rope(rope, "self.head_dim", names, frame.max_position).splitlines() if rope else [],
    )
    imports = (*IMPORTS, *frame.length_imports, *imports_of(spec.scale.tree))
    return Written(f"{KV_LOADER}\n\n{text}", construct_mixer(attribute(spec.name), class_name), imports)


def _laid_out(spec: MixtureOfHeadsSpec, hidden_size: str) -> dict[str, dict[str, object]]:
    """Return shapes of the experts' tensors on a rank, the axes that ranks share, and the sums over them."""
    wide, narrow = f"self.kv_size, {hidden_size}", f"{hidden_size}, self.kv_size"
    q_wide, o_wide = not spec.q_transposed, spec.o_transposed
    return {
        "shapes": {"q": wide if q_wide else narrow, "o": wide if o_wide else narrow},
        "axes": {"q": 1 if q_wide else 2, "o": 1 if o_wide else 2},
        "sums": {"q": f"th,{'eqh' if q_wide else 'ehq'}->teq", "o": f"teq,{'eqh' if o_wide else 'ehq'}->th"},
    }


def _chooses(router: RouterSpec, where: str) -> Iterator[str]:
    """Yield statements from the logits to the chosen experts and their weights.

    Raises:
        NotUnderstood: there is no idiom for how they are scored.
    """
    if router.scoring not in CHOOSES_BY:
        raise NotUnderstood(f"no idiom yet for heads that are chosen by {router.scoring}", where)
    yield from CHOOSES_BY[router.scoring].splitlines()
    if router.renormalize.value:
        yield "weights = weights / weights.sum(dim=-1, keepdim=True)"
    if router.scaling != ONE:
        yield f"weights = weights * {write_expression(router.scaling.tree, 'self.config')}"
