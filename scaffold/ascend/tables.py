"""What is known of names that the walk meets: kernels, places where it does not go on, and what a platform answers."""

from __future__ import annotations

OPERATOR = "custom operator"
TRITON = "Triton"
REFUSAL = "refusal"
"""A ``raise NotImplementedError`` in a branch that the platform takes."""
ASCEND_OPERATOR = "Ascend operator"

HAS_TRITON = "vllm.triton_utils.HAS_TRITON"

ASCEND_NAMESPACES = ("_C_ascend", "npu", "atb")
"""Namespaces of ``torch.ops`` that vllm-ascend and torch-npu fill."""
OWN_NAMESPACES = ("vllm", "vllm_ascend")
"""Namespaces whose operators are Python functions, registered in the trees."""
TORCH_NAMESPACES = ("aten", "prims", "higher_order", "c10d", "_c10d_functional", "profiler", "quantized")
"""Namespaces that PyTorch fills. All others hold kernels of vLLM's own extensions, which are built for CUDA."""

ASCEND_PACKAGES = ("torch_npu",)
CUDA_PACKAGES = (
    *("flashinfer", "flash_attn", "deep_gemm", "cutlass", "mamba_ssm", "causal_conv1d", "tilelang", "flash_mla"),
    *("flash_attn_interface", "xformers", "fa3_fwd_interface", "deep_ep", "quack", "cuda"),
)
"""Packages whose functions are kernels for CUDA."""
LANGUAGES = ("cutlass", "quack", "cuda", "tilelang", "helion")
"""Those in which kernels are written; all calls of a file count as one kernel."""
JIT_DECORATORS = ("jit", "kernel", "autotune", "heuristics", "prim_func")
JIT_PACKAGES = {"triton": TRITON, "cutlass": "cutlass", "tilelang": "tilelang", "helion": "helion"}
"""Packages whose decorators compile a function for the device."""

WRAPPERS = {
    "vllm.utils.deep_gemm": "deep_gemm",
    "vllm.utils.flashinfer": "flashinfer",
    "vllm.vllm_flash_attn": "flash_attn",
    "vllm.third_party.flashmla": "flash_mla",
    "vllm.third_party.deep_gemm": "deep_gemm",
    "vllm.third_party.triton_kernels": TRITON,
}
"""Modules that import a package when they are asked for a name of it."""
PROBES = ("has_", "is_", "can_", "should_", "supports_", "support_", "are_", "use_", "fa_version_")
"""How functions of `WRAPPERS` and `AITER` begin that only ask whether there is something."""
AITER = "vllm._aiter_ops"
"""The module of ROCm's kernels, which answers no to every question on other platforms."""

LEAVES = (
    *("vllm.logger", "vllm.config", "vllm.distributed", "vllm.tracing", "vllm.transformers_utils", "vllm.multimodal"),
    *("vllm.model_executor.model_loader", "vllm.model_executor.parameter", "vllm.lora", "vllm.utils", "vllm.platforms"),
    *(
        "vllm.compilation",
        "vllm.plugins",
        "vllm.forward_context",
        "vllm.sequence",
        "vllm._aiter_ops",
        "vllm._xpu_ops",
        "vllm.kernels.aiter_ops",
        "vllm.kernels.xpu_ops",
    ),
    *("vllm.entrypoints", "vllm.inputs", "vllm.tokenizers", "vllm.v1.core", "vllm.v1.kv_cache_interface"),
    *("vllm.model_executor.utils", "vllm.reasoning", "vllm.tool_parsers", "vllm.renderers", "vllm.profiler"),
    *("vllm.v1.worker.workspace", "vllm.v1.worker.ubatching", "vllm.version", "vllm.v1.spec_decode"),
    *("vllm.v1.engine", "vllm.v1.request", "vllm.v1.executor", "vllm.v1.structured_output", "vllm.sampling_params"),
    *("vllm_ascend.distributed", "vllm_ascend.envs", "vllm_ascend.ascend_config", "vllm_ascend.eplb"),
    *("vllm_ascend.ascend_forward_context", "vllm_ascend.profiling_config", "vllm_ascend.meta_registration"),
)
"""Modules in which nothing of a model is computed, or whose device side the platform brings (its communicator)."""

ENTRIES = (
    *("forward", "compute_logits", "embed_input_ids", "get_input_embeddings", "embed_multimodal"),
    *("get_multimodal_embeddings", "get_mamba_state_shape_from_config", "get_mamba_state_dtype_from_config"),
    *("load_weights",),
)
"""What vLLM calls of a model (vllm/v1/worker/gpu_model_runner.py, vllm/model_executor/model_loader)."""
HOOKS = (("quant_method", "process_weights_after_loading"), ("", "process_weights_after_loading"))
"""What it calls of each layer after loading (vllm/model_executor/model_loader/utils.py): attribute, method."""
BACKEND_HOOKS = ("get_builder_cls", "build")
"""What the runner calls of a layer's attention backend: the class that builds metadata, and its method."""

ASSUMED = {
    ("pp_group", "is_first_rank"): True,
    ("pp_group", "is_last_rank"): True,
    ("pp_group", "world_size"): 1,
    ("lora_config",): None,
}
"""What is taken for granted of how the engine is started: one pipeline stage, no LoRA."""
GROUPS = {"vllm.distributed.get_pp_group": "pp_group", "vllm.distributed.parallel_state.get_pp_group": "pp_group"}
CONFIG_GETTERS = ("get_current_vllm_config", "get_current_vllm_config_or_none")

BATCH = (
    *("attn_metadata", "attn_metadata_raw", "has_prefill", "has_decode", "num_prefills", "num_decodes"),
    *("num_prefill_tokens", "num_decode_tokens", "num_actual_tokens", "prefill_metadata", "decode_metadata"),
    *("is_prefill", "is_decode", "attn_state", "num_tokens"),
)
"""Names in conditions over the requests at hand: prompts and decoding both come up in every service."""
DRAFTED = "spec"
"""How names in such conditions begin or end that are over drafted tokens, which do not."""

CONTAINERS = (
    *("list", "tuple", "set", "frozenset", "iter", "reversed", "sorted", "zip", "enumerate", "dict", "filter", "next"),
    *("islice", "chain", "ModuleList", "ModuleDict", "Sequential", "OrderedDict", "deque", "cast", "defaultdict"),
    *("from_iterable", "LazyDict", "min", "max", "copy", "deepcopy", "MappingProxyType", "ClassRegistry"),
)
"""Functions outside of the trees that give back what they are given, or hold it."""
KEEPERS = (
    "partial",
    "compile",
    "cache",
    "lru_cache",
    "wraps",
    "staticmethod",
    "classmethod",
    "property",
    "update_wrapper",
)
"""Functions outside of the trees whose result calls what they are given."""
GROWS = ("append", "extend", "insert", "update", "add", "setdefault", "add_module", "register_module")
TAKES = ("items", "values", "get", "pop", "children", "modules", "keys", "copy")
MODULE_METHODS = (
    *("register_parameter", "register_buffer", "parameters", "named_parameters", "named_modules", "children"),
    *("modules", "to", "add_module", "apply", "eval", "train", "state_dict", "buffers", "named_buffers", "half"),
    *("float", "requires_grad_", "register_module", "get_submodule", "get_parameter", "extra_repr", "bfloat16"),
    *(
        "register_forward_pre_hook",
        "register_forward_hook",
        "named_children",
        "cuda",
        "type",
        "register_load_state_dict_pre_hook",
    ),
)
"""Methods of ``torch.nn.Module``."""
