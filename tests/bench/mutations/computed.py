"""What generated adapters compute, without a server: ``computed.py FOLDER < JOB…``, run by an environment with vLLM.

vLLM is imported once and a fork answers each job, in a second rather than ten: the model is made and loaded by vLLM's
own functions and called with a whole prompt. Attention alone is stood in for, by its mathematics over the prompt
(`attend`), as without a server there is no cache. A job is one JSON line, ``{"name", "checkpoint", "plugin": [SRC,
PACKAGE], "prompts"}``; so is its answer: ``{"logprobs"}``, a list for each prompt with the log probability of every
token but the first, or ``{"error"}``.
"""

import inspect
import os
import signal
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "coverage")]
import serve as server  # noqa: E402 - the benchmark of coverage, whose forks and shims these are
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

LENGTH = 64
SECONDS = 90
"""Of processor time that a job may take."""


def attend(q, k, v, scale, causal=True, window=None, soft_cap=None, slopes=None, sinks=None):
    """Return softmax attention of ``[tokens, heads, size]`` over the prompt, in float64.

    ``window`` counts the token itself, as vLLM's does; ``sinks`` are one logit per head, which takes a share.
    """
    q, k, v = (one.double() for one in (q, k, v))
    groups = q.shape[1] // k.shape[1]
    k, v = (one.repeat_interleave(groups, 1) for one in (k, v))
    scores = torch.einsum("qhd,khd->hqk", q, k) * scale
    if soft_cap:
        scores = soft_cap * torch.tanh(scores / soft_cap)
    positions = torch.arange(len(q))
    distance = positions[None] - positions[:, None]
    if slopes is not None:
        scores = scores + torch.as_tensor(slopes, dtype=torch.float64)[:, None, None] * distance
    hidden = distance > 0 if causal else torch.zeros_like(distance, dtype=torch.bool)
    if window is not None:
        hidden = hidden | (distance <= -window)
    scores = scores.masked_fill(hidden, float("-inf"))
    if sinks is not None:
        column = sinks.double()[:, None, None].expand(-1, len(q), 1)
        scores = torch.cat([scores, column], -1)
    weights = scores.softmax(-1)[..., : len(q)]
    return torch.einsum("hqk,khd->qhd", weights, v)


def stand_in():
    """Put `attend` in the place of vLLM's attention layers."""
    from vllm.model_executor.layers.attention import Attention, MLAAttention

    made = Attention.__init__
    signature = inspect.signature(made)

    def keep(self, *args, **kwargs):
        made(self, *args, **kwargs)
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        self.asked = {**bound.arguments, **bound.arguments["extra_impl_args"]}

    def attention(self, query, key, value, output_shape=None, output_dtype=None):
        asked = self.asked
        if asked["kv_sharing_target_layer_name"] or asked["use_alibi_sqrt"]:
            raise NotImplementedError("attention that is not stood in for")
        q = query.view(-1, self.num_heads, self.head_size)
        k = key.view(-1, self.num_kv_heads, self.head_size)
        v = value.view(-1, self.num_kv_heads, self.head_size_v)
        found = attend(
            *(q, k, v, asked["scale"], str(asked["attn_type"]) != "encoder_only", self.sliding_window),
            *(asked["logits_soft_cap"], asked["alibi_slopes"], asked.get("sinks")),
        )
        return found.flatten(1).to(query.dtype)

    def latent(self, q, kv_c_normed, k_pe, output_shape=None, **_):
        both = self.kv_b_proj(kv_c_normed)[0].view(len(q), self.num_heads, -1)
        nope, value = both.split([self.qk_nope_head_dim, self.v_head_dim], -1)
        rope = k_pe.reshape(len(q), 1, -1).expand(-1, self.num_heads, -1)
        return (
            attend(q.view(len(q), self.num_heads, -1), torch.cat([nope, rope], -1), value, self.scale)
            .flatten(1)
            .to(q.dtype)
        )

    Attention.__init__, Attention.forward, MLAAttention.forward = keep, attention, latent


def made(checkpoint: str, trust: bool):
    """Return the model, loaded, and the engine's config."""
    from torch.distributed import HashStore, init_process_group
    from vllm.config import set_current_vllm_config
    from vllm.distributed import init_distributed_environment, initialize_model_parallel, model_parallel_is_initialized
    from vllm.engine.arg_utils import EngineArgs
    from vllm.model_executor.model_loader.utils import initialize_model, process_weights_after_loading

    arguments = EngineArgs(
        model=checkpoint,
        dtype="float32",
        enforce_eager=True,
        trust_remote_code=trust,
        skip_tokenizer_init=True,
        max_model_len=LENGTH,
        model_impl="vllm",
    )
    config = arguments.create_engine_config()
    with set_current_vllm_config(config):
        if not model_parallel_is_initialized():
            init_process_group("gloo", store=HashStore(), rank=0, world_size=1)  # meets nobody, and leaves no file
            init_distributed_environment(1, 0, "", 0, "gloo")
            initialize_model_parallel(1)
        model = initialize_model(vllm_config=config)
        loaded = model.load_weights(tensors(Path(checkpoint)))
        missing = {name for name, _ in model.named_parameters()} - (loaded or set())
        if missing:
            raise RuntimeError(f"not loaded: {sorted(missing)[:4]}")
        process_weights_after_loading(model, config.model_config, torch.device("cpu"))
    return model.eval(), config


def tensors(checkpoint: Path):
    """Yield name and tensor, shard by shard."""
    for shard in sorted(checkpoint.glob("*.safetensors")):
        yield from load_file(shard).items()


def answer(job: dict) -> dict:
    """Load the adapter and call it."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    from vllm.forward_context import set_forward_context
    from vllm.model_executor.models import registry

    registry._run_in_subprocess = lambda function: function()
    source, package = job["plugin"]
    sys.path[:0] = [source]
    sys.path.append(str(server.SHIMS))
    os.environ["VLLM_PLUGINS"] = f"{package},scaffold_shims"
    for plugin in (package, "scaffold_shims"):
        __import__(plugin).register()
    stand_in()
    try:
        model, config = made(job["checkpoint"], trust=False)
    except BaseException as error:
        if "trust_remote_code" not in str(error):
            raise
        model, config = made(job["checkpoint"], trust=True)
    found = []
    for prompt in job["prompts"]:
        ids, positions = torch.tensor(prompt), torch.arange(len(prompt))
        with torch.no_grad(), set_forward_context(None, config, num_tokens=len(prompt)):
            logits = model.compute_logits(model(ids, positions)).double()
        rows = logits[:-1].log_softmax(-1)
        found.append(rows[range(len(prompt) - 1), prompt[1:]].tolist())
    module = type(model).__module__
    if module.startswith("vllm."):
        raise RuntimeError(f"vLLM's own {module} was asked, not the adapter")
    return {"logprobs": found}


if __name__ == "__main__":
    os.environ.update(server.ENVIRONMENT, OMP_NUM_THREADS="1", VLLM_LOGGING_LEVEL="WARNING")
    torch.set_num_threads(1)
    server.serve = answer
    server.LIMIT = 1800
    server.main()
