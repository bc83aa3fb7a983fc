"""Loads checkpoints with vLLM's own loader and writes down what every parameter of a rank then holds.

Run by the engine's Python: ``load_ranks.py RANKS PORT [[CHECKPOINT, DESTINATION], …]``, a process per rank. No
layer is post-processed: what is written is what ``load_weights`` of the model left there.
"""

import gc
import json
import sys
import traceback
from pathlib import Path
from typing import Any

import torch
from ranks import forked
from safetensors.torch import load_file, save_file
from vllm.config import set_current_vllm_config
from vllm.distributed import init_distributed_environment, initialize_model_parallel
from vllm.engine.arg_utils import EngineArgs
from vllm.model_executor.model_loader.utils import initialize_model


def tensors(checkpoint: Path) -> Any:
    """Yield name and tensor, shard by shard."""
    for shard in sorted(checkpoint.glob("*.safetensors")):
        yield from load_file(shard).items()


def load(checkpoint: Path, ranks: int) -> dict[str, torch.Tensor]:
    """Return all parameters of this rank; what nobody fills stays NaN."""
    dtype = json.loads((checkpoint / "config.json").read_text()).get("dtype", "float32")
    arguments = EngineArgs(
        model=str(checkpoint),
        dtype=dtype,
        enforce_eager=True,
        tensor_parallel_size=ranks,
        trust_remote_code=True,
        skip_tokenizer_init=True,
        max_model_len=64,
    )
    config = arguments.create_engine_config()
    torch.set_default_dtype(getattr(torch, dtype))
    with set_current_vllm_config(config):
        model = initialize_model(vllm_config=config)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.is_floating_point():
                    parameter.fill_(float("nan"))
        model.load_weights(tensors(checkpoint))
    held = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    torch.set_default_dtype(torch.float32)
    del model
    gc.collect()
    return held


def load_all(rank: int, ranks: int, port: int, asked: list[tuple[str, str]]) -> None:
    """Load each checkpoint; a refusal is written down too."""
    first = EngineArgs(model=asked[0][0], enforce_eager=True, trust_remote_code=True, skip_tokenizer_init=True,
                       tensor_parallel_size=ranks, max_model_len=64)  # fmt: skip
    with set_current_vllm_config(first.create_engine_config()):
        init_distributed_environment(ranks, rank, f"tcp://127.0.0.1:{port}", rank, "gloo")
        initialize_model_parallel(ranks)
    for checkpoint, destination in asked:
        place = Path(destination)
        try:
            save_file(load(Path(checkpoint), ranks), place.with_suffix(f".{rank}.safetensors"))
        except Exception:  # the test reads what was said
            place.with_suffix(f".{rank}.error").write_text(traceback.format_exc())


if __name__ == "__main__":
    asked_ranks, asked_port, pairs = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    sys.exit(0 if forked(asked_ranks, lambda rank: load_all(rank, asked_ranks, asked_port, pairs)) else 1)
