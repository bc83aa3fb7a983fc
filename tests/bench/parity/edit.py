"""Copies small checkpoints in another dtype, and with a fault, if asked: ``edit.py < [[SOURCE, DEST, EDIT], …]``.

Run by the engine's Python. An edit is ``{"dtype", "config": {key: value}, "swap": [[pattern, replacement], …],
"zero": [pattern, …], "scale": [[pattern, factor], …]}``; a null takes a key of the config away, patterns are regular
expressions of whole names, and what is swapped goes both ways: names that match get the name that they are replaced by.
"""

import json
import re
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def edit(source: Path, destination: Path, how: dict) -> None:
    """Write the copy."""
    shutil.rmtree(destination, ignore_errors=True)
    destination.mkdir(parents=True)
    config = json.loads((source / "config.json").read_text())
    changes = {"dtype": how["dtype"], **how.get("config", {})}
    (destination / "config.json").write_text(json.dumps(changed(config, changes), indent=2))
    for path in source.iterdir():
        if path.suffix not in (".safetensors", ".bin") and "index" not in path.name and path.name != "config.json":
            shutil.copy(path, destination)
    tensors = {}
    for shard in sorted(source.glob("*.safetensors")):
        tensors |= load_file(shard)
    tensors = {name: t.to(getattr(torch, how["dtype"])) if t.is_floating_point() else t for name, t in tensors.items()}
    for pattern, replacement in how.get("swap", ()):
        tensors = swapped(tensors, pattern, replacement)
    for pattern in how.get("zero", ()):
        for name in found(tensors, pattern):
            tensors[name] = torch.zeros_like(tensors[name])
    for pattern, factor in how.get("scale", ()):
        for name in found(tensors, pattern):
            tensors[name] = tensors[name] * factor
    save_file(
        {n: t.contiguous().clone() for n, t in tensors.items()}, destination / "model.safetensors", {"format": "pt"}
    )


def changed(config: dict, changes: dict) -> dict:
    """Return a config with other values under keys that it has.

    Raises:
        LookupError: there is no such key, so that nothing would be edited.
    """
    for key, value in changes.items():
        holder, name = (config[key.split(".")[0]], key.split(".")[1]) if "." in key else (config, key)
        if name not in holder:
            raise LookupError(f"no {key} to change")
        holder[name] = value
    return config


def found(tensors: dict, pattern: str) -> list[str]:
    """Return the names that match.

    Raises:
        LookupError: there are none, so that nothing would be edited.
    """
    names = [name for name in tensors if re.fullmatch(pattern, name)]
    if not names:
        raise LookupError(f"no tensor {pattern}; there are {sorted(tensors)[:40]}")
    return names


def swapped(tensors: dict, pattern: str, replacement: str) -> dict:
    """Return the tensors, each that matches exchanged with the one that it is replaced by."""
    result = dict(tensors)
    for name in found(tensors, pattern):
        other = re.sub(pattern, replacement, name)
        result[name], result[other] = tensors[other], tensors[name]
    return result


if __name__ == "__main__":
    for source, destination, how in json.load(sys.stdin):
        edit(Path(source), Path(destination), how)
