"""vllm-ascend's own resolution functions, run in the engine's Python with everything of an NPU stubbed.

Standard input is a JSON document: ``tree``, and ``cases`` with ``tables`` (another text of modelslim_config.py's file,
or null), ``description`` and ``events``. Standard output has for each case what each layer got, and the shapes of the
parameters that its scheme makes.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import json
import sys
import types
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

CONFIGS = ("vllm_ascend.quantization.modelslim_config", "vllm_ascend.quantization.configs.modelslim_config")
"""Up to 0.26, and since 0.28."""
KEPT = (*CONFIGS, "vllm_ascend.quantization.method_adapters", "vllm_ascend.quantization.methods",
        "vllm_ascend.quantization.quant_type")  # fmt: skip
"""What is vllm-ascend's own; all else of it is stubbed."""
PACKAGES = ("vllm_ascend", "vllm_ascend.quantization", "vllm_ascend.quantization.configs")


class Anything:
    """An object that can be made of everything."""

    def __init__(self, *given: object, **named: object) -> None:
        pass


class Stub(types.ModuleType):
    """A module of which everything can be imported."""

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "is_fused_moe_layer":
            return is_experts
        value = type(name, (Anything,), {}) if name[0].isupper() else MagicMock(name=name)
        setattr(self, name, value)
        return value


def is_experts(layer: object) -> bool:
    from vllm.model_executor.layers.fused_moe import RoutedExperts

    return isinstance(layer, RoutedExperts)


class Finder:
    """Finds stubs in place of ``torch_npu`` and of what is not kept of vllm-ascend."""

    def find_spec(self, name: str, path: object = None, target: object = None):
        top = name.partition(".")[0]
        is_kept = any(name == kept or name.startswith(f"{kept}.") for kept in KEPT)
        if top == "torch_npu" or (top == "vllm_ascend" and not is_kept):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return Stub(spec.name)

    def exec_module(self, module):
        if module.__name__ in PACKAGES:
            module.__path__ = [str(Path(TREE, *module.__name__.split(".")))]
        if module.__name__ == "vllm_ascend.utils":
            module.vllm_version_is = lambda version: False
            module.ASCEND_QUANTIZATION_METHOD = "ascend"
            module.COMPRESSED_TENSORS_METHOD = "compressed-tensors"
            module.FP8_METHOD = "fp8"


def main(asked: dict) -> list[dict]:
    sys.meta_path.insert(0, Finder())
    found = []
    name = next(one for one in CONFIGS if Path(TREE, *one.split(".")).with_suffix(".py").is_file())
    own = importlib.import_module(name)
    for case in asked["cases"]:
        config = own if case["tables"] is None else with_text(own, case["tables"])
        found.append(one(config, case))
    return found


def with_text(own, text: str):
    """Return the module with another text, under the same package."""
    module = types.ModuleType(own.__name__)
    module.__package__, module.__file__ = own.__package__, own.__file__
    with registering_again():
        exec(compile(text, own.__file__, "exec"), module.__dict__)
    return module


@contextlib.contextmanager
def registering_again():
    import vllm.model_executor.layers.quantization as registry

    name = "ascend"
    if name in registry.QUANTIZATION_METHODS:
        registry.QUANTIZATION_METHODS.remove(name)
    yield


def one(module, case: dict) -> dict:
    import torch.distributed
    from vllm.model_executor.models.utils import WeightsMapper

    try:
        config = module.AscendModelSlimConfig(dict(case["description"]))
    except Exception as error:
        return {"fails": f"{type(error).__name__}: {error}", "layers": []}
    current = SimpleNamespace(
        model_config=SimpleNamespace(hf_config=SimpleNamespace(model_type=""), dtype=None, enforce_eager=True,
                                     hf_text_config=SimpleNamespace(model_type="")), use_v2_model_runner=False,
        compilation_config=MagicMock(), parallel_config=SimpleNamespace(enable_expert_parallel=False),
        kv_transfer_config=None, quant_config=config,
    )  # fmt: skip
    everywhere("get_current_vllm_config", lambda: current, module)
    everywhere("get_current_vllm_config_or_none", lambda: current, module)
    everywhere("get_tensor_model_parallel_world_size", lambda: case.get("tp", 1), module)
    torch.distributed.get_rank = without_a_group
    mappers: dict[str, object] = {}
    layers = []
    for event in case["events"]:
        if event["is"] == "handed":
            if event["mapper"] is not None:
                mapper = mappers.setdefault(event["owner"], WeightsMapper(**event["mapper"]))
                config.apply_vllm_mapper(mapper.get_rename_mapper())
            if event["packed"] is not None:
                packed = {name: list(parts) for name, parts in event["packed"].items()}
                if event["replaces"]:
                    config.packed_modules_mapping = packed
                else:
                    config.packed_modules_mapping.update(packed)
            continue
        current.model_config.hf_config.model_type = event["asked_as"]
        layers.append(resolved(config, event))
    return {"fails": "", "layers": layers}


def without_a_group(group=None):
    """Say what a scheme of experts takes for there being no group of ranks: else it asks the device for one."""
    raise AttributeError("no group")


def everywhere(name: str, value, *modules) -> None:
    """Give a function to all modules of vllm-ascend that imported it by name."""
    own = [module for key, module in sys.modules.items() if key.startswith(KEPT)]
    for module in (*own, *modules):
        if hasattr(module, name):
            setattr(module, name, value)


def resolved(config, event: dict) -> dict:
    from vllm.model_executor.layers.fused_moe import RoutedExperts
    from vllm.model_executor.layers.linear import LinearBase
    from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead

    kind = {"linear": LinearBase, "moe": RoutedExperts, "embedding": ParallelLMHead}[event["kind"]]
    layer = kind.__new__(kind)
    object.__setattr__(layer, "moe_config", MagicMock())
    try:
        method = config.get_quant_method(layer, event["prefix"])
    except Exception as error:
        return {"path": event["path"], "got": type(error).__name__, "says": str(error)[:200]}
    scheme = getattr(method, "quant_method", None)
    found = {"path": event["path"], "got": type(scheme).__name__ if scheme is not None else "FLOAT"}
    if scheme is not None and event.get("sizes"):
        found["shapes"] = shapes(scheme, event)
    return found


def shapes(scheme, event: dict) -> dict[str, list[int]]:
    """Return the parameters that a scheme makes of a layer of these sizes."""
    import torch

    dtype, (out, into) = torch.bfloat16, event["sizes"]
    if event["kind"] == "moe":
        made = scheme.get_weight(2, into, out, dtype) | scheme.get_dynamic_quant_param(2, into, out, dtype)
    else:
        kind = "row" if event["is_row"] else "others"
        made = dict(scheme.get_weight(into, out, dtype))
        made |= scheme.get_pertensor_param(dtype, layer_type=kind)
        made |= scheme.get_perchannel_param(out, dtype)
        made |= scheme.get_pergroup_param(into, out, dtype, layer_type=kind)
    return {name: list(value.shape) for name, value in made.items() if hasattr(value, "shape")}


if __name__ == "__main__":
    document = json.load(sys.stdin)
    TREE = document["tree"]
    print("\n" + json.dumps(main(document)))
