"""Runs ``library_cases`` with a release of transformers, by its Python. Prints what each case gives, as JSON.

A case that the release does not run is ``{"error"}``. As in the benchmark's reference, float32 means float64 here.
"""

import json
import sys
from pathlib import Path

import torch

torch.float32 = torch.float = torch.float16 = torch.bfloat16 = torch.float64
torch.Tensor.float = torch.Tensor.double
torch.set_default_dtype(torch.float64)
sys.path.insert(0, str(Path(__file__).parent))

import library_cases  # noqa: E402 - after the dtypes are set


def plain(value: object) -> object:
    """Return tensors as nested lists."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    return [plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def answer(function: object, given: dict) -> object:
    """Return what a case gives."""
    try:
        return plain(function(given["release"], torch.tensor(given["x"])))
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


given = json.load(sys.stdin)
functions = {name: one for name, one in vars(library_cases).items() if type(one).__name__ == "function"}
print(json.dumps({name: answer(one, given) for name, one in functions.items() if one.__module__ == "library_cases"}))
