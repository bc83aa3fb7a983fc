"""Serving and reference of checkpoints with code of their own, for a user who trusts it; run by the engine's Python.

``trusted.py FOLDER < [JOB, …]`` is the coverage benchmark's ``serve.py`` with ``trust_remote_code``;
``trusted.py --reference CHECKPOINT PROMPT OUT`` writes what transformers answers, as that benchmark's ``make.py`` does.
"""

import functools
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "bench" / "coverage"))


def serve(folder: Path) -> None:
    """Serve all jobs that come on standard input."""
    os.environ["HF_MODULES_CACHE"] = str(folder / "modules")
    import serve as benchmark
    import vllm

    vllm.LLM = functools.partial(vllm.LLM, trust_remote_code=True)
    benchmark.main()


def reference(checkpoint: Path, prompt: list[int], out: Path) -> None:
    """Write the log probabilities of the prompt and the greedy tokens."""
    os.environ["HF_MODULES_CACHE"] = str(checkpoint.parent / "modules-of-reference")
    import make

    class Trusting(make.AutoModelForCausalLM):
        from_pretrained = functools.partial(make.AutoModelForCausalLM.from_pretrained, trust_remote_code=True)

    make.AutoModelForCausalLM = Trusting
    out.write_text(json.dumps(make.reference(checkpoint, prompt)))


if __name__ == "__main__":
    if sys.argv[1] == "--reference":
        reference(Path(sys.argv[2]), json.loads(sys.argv[3]), Path(sys.argv[4]))
    else:
        serve(Path(sys.argv[1]))
