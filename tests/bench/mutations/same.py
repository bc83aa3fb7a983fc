"""What an adapter's answers depend on, as one digest: many mutants change nothing of it, and none is asked twice."""

from __future__ import annotations

import ast
import hashlib
import json
from pathlib import Path


def seen(checkpoint: Path, adapter: Path) -> str:
    """Return a digest of an adapter's statements, of the checkpoint's config, its class and its tensors.

    The modeling source is not among it where no other file names it: vLLM asks a checkpoint for its config class alone.
    Comments are not either, which say lines of the source.
    """
    named = json.loads((checkpoint / "config.json").read_text()).get("auto_map", {})
    texts = {path.stem: path.read_text() for path in sorted(checkpoint.glob("*.py"))}
    modeling = _module(named.get("AutoModelForCausalLM"))
    others = "".join(text for stem, text in texts.items() if stem != modeling)
    if modeling != _module(named.get("AutoConfig")) and modeling not in others:
        texts.pop(modeling, None)
    texts |= {str(path.relative_to(adapter)): path.read_text() for path in sorted(adapter.rglob("*.py"))}
    digest = hashlib.sha256((checkpoint / "config.json").read_bytes())
    for path in sorted(checkpoint.glob("*.safetensors")):
        digest.update(f"{path.name} {path.stat().st_ino}".encode())
    for name, text in texts.items():
        digest.update(f"{name} {ast.dump(ast.parse(text))}".encode())
    return digest.hexdigest()


def _module(reference: object) -> str:
    """Return the module that an entry of ``auto_map`` names."""
    return reference.rpartition("--")[2].partition(".")[0] if isinstance(reference, str) else ""
