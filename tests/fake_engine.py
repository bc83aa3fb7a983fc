"""An environment that says it has vLLM: for tests of what happens around a server, not in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

REFERENCE = """
import json
asked = json.load(sys.stdin)
rows = [{"logprobs": [-1.0] * (len(s) - 1), "best": [9] * (len(s) - 1), "margins": [3.0] * (len(s) - 1)}
        for s in asked["sequences"]]
print(json.dumps({dtype: rows for dtype in asked["dtypes"]}))
"""
"""A reference that agrees with the stand-in server."""
SERVER = Path(__file__).parent / "validators" / "fake_vllm.py"


REFERS = "sys.argv[1].endswith('reference/script.py')"
"""Whether the stand-in's Python is asked for the reference."""


def write_fake_engine(directory: Path, vllm_file: Path, reference: str = "") -> Path:
    """Write ``bin/python`` and ``bin/vllm``; return the former.

    Args:
        directory: the environment's.
        vllm_file: where its Python says that vLLM lies.
        reference: code that runs in place of the reference; without it something else is answered.
    """
    found = {
        "vllm": ["0.32.0+cpu", str(vllm_file)],
        "vllm_ascend": [None, None],
        "torch": ["2.13.0+cpu", "/nowhere/torch/__init__.py"],
        "torch_npu": [None, None],
        "transformers": [None, None],
    }
    binaries = directory / "bin"
    binaries.mkdir(parents=True)
    scripts = {
        "python": f"#!{sys.executable}\nimport sys\n"
        f"if {bool(reference)} and {REFERS}:\n    exec({reference!r})\n    sys.exit()\n"
        f"print({json.dumps(json.dumps(found))})\n",
        "vllm": f"#!{sys.executable}\n{SERVER.read_text()}",
    }
    for name, text in scripts.items():
        (binaries / name).write_text(text)
        (binaries / name).chmod(0o755)
    return binaries / "python"
