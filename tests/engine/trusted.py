"""Serving and reference of checkpoints with code of their own, for a user who trusts it; run by the engine's Python.

``trusted.py FOLDER < [JOB, …]`` is the coverage benchmark's ``serve.py`` with ``trust_remote_code``;
``trusted.py --reference CHECKPOINT PROMPT OUT`` writes what transformers answers, as that benchmark's ``make.py`` does;
``trusted.py --references [[CHECKPOINT, PROMPT, OUT], …]`` does so for several, a fork each.
"""

import functools
import json
import os
import sys
import traceback
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


def references(asked: list[list]) -> None:
    """Write the references of several checkpoints; torch and transformers are imported once."""
    for checkpoint, prompt, out in asked:
        os.environ["HF_MODULES_CACHE"] = str(Path(asked[0][2]).parent / "modules-of-references")
        import make  # noqa: F401 - for the forks

        child = os.fork()
        if child == 0:
            code = 1
            try:
                reference(Path(checkpoint), prompt, Path(out))
                code = 0
            finally:
                if code:
                    traceback.print_exc()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(f"{checkpoint}: no reference")


if __name__ == "__main__":
    if sys.argv[1] == "--reference":
        reference(Path(sys.argv[2]), json.loads(sys.argv[3]), Path(sys.argv[4]))
    elif sys.argv[1] == "--references":
        references(json.loads(sys.argv[2]))
    else:
        serve(Path(sys.argv[1]))
