"""What each rank holds: ``hold_ranks.py RANKS [[PORT, JOB], …]``, run by an environment with vLLM.

A job is ``{"checkpoint", "plugin": [SRC, PACKAGE] | null, "options", "destination"}``. The model is built and loaded in
a real process group, with vLLM's own loader, a process per rank; name → [shape, SHA-256] of each parameter goes to the
destination.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import torch
from ranks import forked
from safetensors.torch import load_file
from vllm.config import set_current_vllm_config
from vllm.distributed import init_distributed_environment, initialize_model_parallel
from vllm.engine.arg_utils import EngineArgs
from vllm.model_executor.model_loader.utils import initialize_model


def hold(rank: int, ranks: int, port: int, job: dict) -> None:
    """Build, load, and write down."""
    os.environ["VLLM_DIST_IDENT"] = f"hold_{port}"
    if job["plugin"]:
        source, package = job["plugin"]
        sys.path.insert(0, source)
        __import__(package).register()
    arguments = EngineArgs(
        model=job["checkpoint"],
        dtype="float32",
        enforce_eager=True,
        skip_tokenizer_init=True,
        max_model_len=64,
        **job["options"],
    )
    config = arguments.create_engine_config()
    checkpoint = Path(job["checkpoint"])
    weights = [pair for shard in sorted(checkpoint.glob("*.safetensors")) for pair in load_file(shard).items()]
    with set_current_vllm_config(config):
        init_distributed_environment(ranks, rank, f"tcp://127.0.0.1:{port}", rank, "gloo")
        initialize_model_parallel(config.parallel_config.tensor_parallel_size, ranks // arguments.tensor_parallel_size)
        torch.set_default_dtype(torch.float32)
        model = initialize_model(vllm_config=config)
        assert type(model).__module__.split(".")[0] == (job["plugin"][1] if job["plugin"] else "vllm")
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(float("nan"))
        model.load_weights(iter(weights))
    held = {}
    for name, parameter in model.named_parameters():
        assert not parameter.isnan().any(), f"{name} was not filled"
        digest = hashlib.sha256(parameter.detach().contiguous().numpy().tobytes()).hexdigest()
        held[name] = [list(parameter.shape), digest]
    Path(f"{job['destination']}.{rank}.json").write_text(json.dumps(held))


def main(ranks: int, jobs: list[tuple[int, dict]]) -> int:
    """Hold each job; 0 if all were."""
    done = [forked(ranks, lambda rank, port=port, job=job: hold(rank, ranks, port, job)) for port, job in jobs]
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), json.loads(sys.argv[2])))
