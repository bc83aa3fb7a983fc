"""Serves many small checkpoints in a row: ``serve.py FOLDER < [JOB, …]``, run by an environment with vLLM.

vLLM is imported once; each job is a fork with a time limit, so that one that crashes or hangs is an outcome and not
the end. A job is ``{"name", "checkpoint", "prompt", "new_tokens", "model_impl", "plugin": [SRC, PACKAGE] | null}``,
with ``"options"`` of ``LLM``, ``"env"``, a limit in ``"seconds"``, and ``"lora"``, an adapter's folder, if wanted.
Its outcome is one JSON line: the log probability of every prompt token but the first, the greedy tokens, and what stood
in for kernels of the engine, or an error. With ``"prompts"`` instead, it is `answers`. A plugin is served with the
stand-ins of ``scaffold_validators/shims``, vLLM's own ways as they are shipped, unless ``"shims"`` says otherwise.
"""

import contextlib
import gc
import json
import multiprocessing
import os
import signal
import sys
import time
import traceback
from pathlib import Path

SHIMS = Path(__file__).parents[3] / "validators" / "scaffold_validators" / "shims" / "on_path"
LIMIT = 900
"""Seconds that a job may take, on a machine where others work, too, unless it says ``seconds``."""
ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_PLUGINS": "",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "GLOO_SOCKET_IFNAME": "lo",
    "VLLM_HOST_IP": "127.0.0.1",
}


def serve(job: dict) -> dict:
    """Answer the prompt of a job through vLLM."""
    from vllm import LLM, SamplingParams
    from vllm.model_executor.models import registry

    # Importing a model in a process of its own protects a server; here the fork does, and saves ten seconds.
    registry._run_in_subprocess = lambda function: function()
    # vLLM's CPU platform spawns the workers of several ranks: forked, they need not import it again.
    asked_for = multiprocessing.get_context
    multiprocessing.get_context = lambda method=None: asked_for("fork" if method == "spawn" else method)
    plugins = []
    os.environ.update(job.get("env", {}))
    if job["plugin"]:
        source, package = job["plugin"]
        sys.path.insert(0, source)
        plugins.append(package)
    if job.get("shims", bool(job["plugin"])):
        sys.path.append(str(SHIMS))
        plugins.append("scaffold_shims")
    os.environ["VLLM_PLUGINS"] = ",".join(plugins)  # worker processes find them by entry points, with metadata there
    for plugin in plugins:
        __import__(plugin).register()
    options = {
        "model": job["checkpoint"],
        "model_impl": job["model_impl"],
        "skip_tokenizer_init": True,
        "dtype": "float32",
        "enforce_eager": True,
        "max_model_len": 512,
        "max_num_seqs": 2,
        "seed": 0,
        "enable_prefix_caching": False,
        "generation_config": "vllm",
    }
    llm = LLM(**{**options, **job.get("options", {})})
    if job.get("timed"):
        return {"rates": rates(llm, **job["timed"])}
    if "prompts" in job:
        return {"answers": answers(llm, job["prompts"], job["new_tokens"])}
    prompt = job["prompt"]
    asked = SamplingParams(
        temperature=0.0, max_tokens=job["new_tokens"], prompt_logprobs=1, ignore_eos=True, detokenize=False
    )
    lora = None
    if job.get("lora"):
        from vllm.lora.request import LoRARequest

        lora = LoRARequest("lora", 1, job["lora"])
    (answer,) = llm.generate({"prompt_token_ids": prompt}, asked, use_tqdm=False, lora_request=lora)
    rows = answer.prompt_logprobs
    return {
        "logprobs": [rows[i][prompt[i]].logprob for i in range(1, len(prompt))],
        "greedy": list(answer.outputs[0].token_ids),
        "shims": sys.modules["scaffold_shims"].in_use if "scaffold_shims" in plugins else [],
    }


def answers(llm: object, prompts: list, new_tokens: int) -> list[dict]:
    """Return for each prompt its greedy tokens, and the log probability of every token but the first."""
    from vllm import SamplingParams

    asked = SamplingParams(
        temperature=0.0, max_tokens=new_tokens, prompt_logprobs=0, logprobs=0, ignore_eos=True, detokenize=False
    )
    found = []
    for said in llm.generate([{"prompt_token_ids": prompt} for prompt in prompts], asked, use_tqdm=False):
        (one,) = said.outputs
        before = [row[token].logprob for token, row in zip(said.prompt_token_ids[1:], said.prompt_logprobs[1:])]
        after = [row[token].logprob for token, row in zip(one.token_ids, one.logprobs)]
        found.append({
            "prompt": list(said.prompt_token_ids), "generated": list(one.token_ids), "logprobs": before + after,
        })  # fmt: skip
    return found


def rates(llm: object, prompts: int, prompt_tokens: int, new_tokens: int, repeats: int) -> list[float]:
    """Return generated tokens per second of each repeat; a first round is not counted."""
    from vllm import SamplingParams

    asked = SamplingParams(temperature=0.0, max_tokens=new_tokens, ignore_eos=True, detokenize=False)
    batch = [{"prompt_token_ids": [3 + (7 * i + 13 * j) % 500 for j in range(prompt_tokens)]} for i in range(prompts)]
    found = []
    for _ in range(repeats + 1):
        started = time.monotonic()
        llm.generate(batch, asked, use_tqdm=False)
        found.append(prompts * new_tokens / (time.monotonic() - started))
    return found[1:]


def run(job: dict, log: Path) -> dict:
    """Serve in a fork and return the outcome."""
    started = time.monotonic()
    found = log.with_suffix(".json")
    found.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        os.setsid()
        with log.open("w") as file:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
            try:
                found.write_text(json.dumps(serve(job)))
            except BaseException as error:
                traceback.print_exc()
                found.write_text(json.dumps({"error": f"{type(error).__name__}: {error}"}))
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(0)
    limit = job.get("seconds", LIMIT)
    ended = wait(child, started + limit)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what the job has started and left behind
    if found.is_file() and (text := found.read_text()):
        outcome = json.loads(text)
    else:
        outcome = {"error": f"ended by signal or code {ended}" if ended is not None else f"no answer in {limit} s"}
    return {"name": job["name"], "seconds": time.monotonic() - started, "log": str(log), **outcome}


def wait(child: int, deadline: float) -> int | None:
    """Return how a child ended, or None if it had to be killed at the deadline."""
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def main() -> None:
    """Run all jobs that come on standard input, one JSON line each."""
    os.environ.update(ENVIRONMENT)
    folder = Path(sys.argv[1])
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # vLLM logs to standard output, which is for outcomes alone
    import vllm.entrypoints.llm
    import vllm.model_executor.models.registry  # noqa: F401 - for the forks

    gc.collect()
    gc.freeze()  # vLLM collects garbage some eight times, and need not look through all that was imported
    for line in sys.stdin:
        job = json.loads(line)
        output.write(json.dumps(run(job, folder / f"{job['name']}.log")) + "\n")
        output.flush()


if __name__ == "__main__":
    main()
