"""An environment that says it has vLLM: for tests of what happens around a server, not in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

SERVER = Path(__file__).parent / "validators" / "fake_vllm.py"


def write_fake_engine(directory: Path, vllm_file: Path) -> Path:
    """Write ``bin/python`` and ``bin/vllm``; return the former."""
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
        "python": f"#!{sys.executable}\nprint({json.dumps(json.dumps(found))})\n",
        "vllm": f"#!{sys.executable}\n{SERVER.read_text()}",
    }
    for name, text in scripts.items():
        (binaries / name).write_text(text)
        (binaries / name).chmod(0o755)
    return binaries / "python"
