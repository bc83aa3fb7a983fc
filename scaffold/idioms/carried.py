"""What an adapter has of carried statements: its saved tensors and norms, and how ranks load them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scaffold.carried.spec import KV_HEADS, CarriedLinear, CarriedParameter, Stretch
from scaffold.idioms.norms import norm_call

SHARED_IMPORTS = (
    "from vllm.model_executor.model_loader.weight_utils import (sharded_weight_loader,)",
    "from vllm.model_executor.utils import set_weight_attrs",
)
KV_IMPORTS = (
    "from collections.abc import Callable",
    "from vllm.distributed import (get_tensor_model_parallel_rank, get_tensor_model_parallel_world_size,)",
    "from vllm.model_executor.model_loader.weight_utils import (default_weight_loader,)",
    "from vllm.model_executor.utils import set_weight_attrs",
)
KV_LOADER = '''\
def kv_heads_weight_loader(
    total_num_kv_heads: int, axis: int
) -> Callable[[torch.Tensor, torch.Tensor], None]:
    """Return what loads a rank's KV heads; ranks share one where there are more."""

    def load(param: torch.Tensor, loaded_weight: torch.Tensor) -> None:
        tp_size = get_tensor_model_parallel_world_size()
        replicas = max(1, tp_size // total_num_kv_heads)
        size = param.shape[axis]
        begin = get_tensor_model_parallel_rank() // replicas * size
        default_weight_loader(param, loaded_weight.narrow(axis, begin, size))

    return load
'''


def made(stretches: Sequence[Stretch], prefix: str, hidden_size: str = "") -> tuple[list[str], tuple[str, ...], bool]:
    """Return the statements of ``__init__`` that make what stretches use, their imports, and whether KV heads load.

    Args:
        stretches: what is carried over.
        prefix: of the adapter's classes.
        hidden_size: the config key of the hidden size.
    """
    parameters = list(dict.fromkeys(one for stretch in stretches for one in stretch.parameters))
    lines = [line for one in parameters for line in _parameter(one)]
    for norm in dict.fromkeys(norm for stretch in stretches for norm in stretch.norms):
        lines.append(f"self.{norm.attribute} = {norm_call(norm.norm, norm.size, prefix)}")
    linears = list(dict.fromkeys(one for stretch in stretches for one in stretch.linears))
    for linear in linears:
        lines += _linear(linear, hidden_size)
    by_kv_heads = any(one.share == KV_HEADS for one in parameters)
    shared = any(one.share not in ("", KV_HEADS) for one in parameters)
    classes = {_class(one) for one in linears}
    layers = tuple(f"from vllm.model_executor.layers.linear import ({name},)" for name in sorted(classes))
    return lines, (*layers, *(SHARED_IMPORTS if shared else ()), *(KV_IMPORTS if by_kv_heads else ())), by_kv_heads


def _parameter(one: CarriedParameter) -> Iterator[str]:
    sizes = ", ".join(one.local) or "()"
    yield f"self.{one.attribute} = nn.Parameter(torch.empty({sizes}), requires_grad=False)"
    if one.axis is not None:
        loader = f"sharded_weight_loader({one.axis})"
        if one.share == KV_HEADS:
            loader = f"kv_heads_weight_loader(self.total_num_kv_heads, {one.axis})"
        yield f'set_weight_attrs(self.{one.attribute}, {{"weight_loader": {loader}}})'


def _class(one: CarriedLinear) -> str:
    return "ColumnParallelLinear" if one.share else "ReplicatedLinear"


def _linear(one: CarriedLinear, hidden_size: str) -> list[str]:
    return [
        f"self.{one.attribute} = {_class(one)}(",
        f"    config.{hidden_size},",
        f"    {one.size},",
        f"    bias={one.bias.code},",
        "    quant_config=quant_config,",
        f'    prefix=f"{{prefix}}.{one.attribute}",',
        ")",
    ]
