"""What a checkpoint's own code computes: ``reference.py < JOB…``, run by a Python that has its transformers.

A fork for each job, a JSON line ``{"name", "checkpoint", "prompts", "lines"}``. The answer is a line as well:
``{"logprobs"}``, a list for each prompt with the log probability of every token but the first, and with ``lines`` those
that ran of each file. ``{"error"}`` is one whose code does not run, does not fit the checkpoint's tensors, or answers
another way when it is asked again.
"""

import json
import os
import signal
import sys
import traceback
from pathlib import Path

KEYS = ("missing_keys", "mismatched_keys", "error_msgs")
SECONDS = 60
"""Of processor time: a busy machine ends no model."""


def answer(job: dict) -> dict:
    """Load a checkpoint with its own code, and ask it twice."""
    import torch
    from transformers import AutoModelForCausalLM

    ran: dict[str, set[int]] = {}
    folder = Path(job["checkpoint"]).name

    def line(frame, event, _):
        if event == "line":
            ran.setdefault(Path(frame.f_code.co_filename).name, set()).add(frame.f_lineno)
        return line

    if job.get("lines"):
        sys.settrace(lambda frame, *_: line if "transformers_modules" in frame.f_code.co_filename else None)
    model, info = AutoModelForCausalLM.from_pretrained(
        job["checkpoint"],
        trust_remote_code=True,
        dtype=torch.float32,
        attn_implementation="eager",
        output_loading_info=True,
    )
    problems = {key: sorted(map(str, info[key]))[:4] for key in KEYS if info.get(key)}
    if problems:
        return {"error": f"{folder} does not fit: {problems}"}
    model.eval()
    with torch.no_grad():
        once, again = ([logprobs(model, prompt) for prompt in job["prompts"]] for _ in range(2))
    sys.settrace(None)
    if once != again or any(value != value for row in once for value in row):
        return {"error": f"{folder} does not answer twice alike"}
    return {"logprobs": once, "lines": {name: sorted(numbers) for name, numbers in ran.items()}}


def logprobs(model, prompt: list[int]) -> list[float]:
    """Return the log probability of every token but the first."""
    import torch

    rows = model(input_ids=torch.tensor([prompt]), use_cache=False).logits[0, :-1].double().log_softmax(-1)
    return rows[range(len(prompt) - 1), prompt[1:]].tolist()


def forked(job: dict) -> str:
    """Answer in a fork that ends itself, should the code not."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            found = answer(job)
        except BaseException as error:
            traceback.print_exc()
            found = {"error": f"{type(error).__name__}: {error}"[:300]}
        with os.fdopen(writing, "w") as file:
            json.dump(found, file)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        text = file.read()
    os.waitpid(child, 0)
    return text or json.dumps({"error": f"ended, or not done in {SECONDS} s of processor time"})


def main() -> None:
    """Answer all jobs that come on standard input."""
    os.environ.update(HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1", HF_MODULES_CACHE=sys.argv[1])
    sys.dont_write_bytecode = True
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the code prints is no answer
    import torch
    import transformers.models.auto.modeling_auto  # noqa: F401 - for the forks

    torch.set_num_threads(1)
    for line in sys.stdin:
        output.write(forked(json.loads(line)) + "\n")
        output.flush()


if __name__ == "__main__":
    main()
