"""Runs ``torch_cases`` in PyTorch; by the engine's Python. Prints what each function gives, as JSON."""

import json
import sys
from pathlib import Path

import torch

torch.float32 = torch.float = torch.float64
torch.Tensor.float = torch.Tensor.double
torch.set_default_dtype(torch.float64)
sys.path.insert(0, str(Path(__file__).parent))

import torch_cases  # noqa: E402 - after the dtypes are set


def plain(value: object) -> object:
    """Return tensors as nested lists."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    return [plain(part) for part in value] if isinstance(value, (list, tuple)) else value


given = json.load(sys.stdin)
answers = {
    name: plain(function(*(torch.tensor(given[key]) for key in ("x", "i", "m"))))
    for name, function in list(vars(torch_cases).items())
    if getattr(function, "__module__", "") == "torch_cases"
}
print(json.dumps(answers))
