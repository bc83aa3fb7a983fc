"""Modeling source of our own that mutations start from, and lines that have tried to get out of the interpreter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.source.target import CLASS

MODELS = Path(__file__).parents[2] / "models"
_FIRST = re.compile(r"^class (\w+ForCausalLM)\b", re.MULTILINE)
SMALL = f"""import math
import torch
from torch import nn


class {CLASS}(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([nn.Linear(config.hidden_size, config.hidden_size)
                                     for _ in range(config.num_hidden_layers)])
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, input_ids, **kwargs):
        x = self.embed_tokens(input_ids)
        for layer in self.layers:
            x = x + layer(x) * math.sqrt(2)
        return self.lm_head(x)
"""
HOSTILE = (
    "math.__setattr__('isnan', bool)", "math.__dict__.update(isnan=bool)", "setattr(math, 'pi', 3)",
    "type(x).__setattr__(x, 'y', 1)", "x.__class__.__base__.__subclasses__()", "print.__self__",
    "torch.__dict__.clear()", "torch.float32.__class__.__mro__", "self.forward.__func__.__globals__",
    "[].append.__self__", "getattr(x, '__dict__')", "vars(self).update(forward=bool)", "dict.fromkeys.__self__",
    "''.join.__self__.__class__.__mro__", "'{0.__class__}'.format(x)", "'%300000000d' % 1", "f'{1:300000000d}'",
    "'x' * 300000000", "[0] * 300000000", "10 ** 300000000", "1 << 300000000", "list(range(300000000))",
    "(lambda f: f(f))(lambda f: f(f))", "torch.zeros(1 << 20, 1 << 20)", "x.expand(10 ** 6, 10 ** 6)",
    "x.repeat(10 ** 9)", "torch.arange(10 ** 10)", "x.unsqueeze(0).tolist()", "[*x]", "sum([[0]] * 10 ** 6, [])",
    "x[..., None, None, None]", "torch.cat([x] * 10 ** 5)", "x @ x.transpose(-1, -2)", "torch.einsum('...i->i...', x)",
    "torch.zeros(0).max()", "torch.zeros(()).item()", "x.view(-1, 0)", "x.float().long().bool()", "float('nan')",
    "int('9' * 5000)", "int(float('inf'))", "float(10 ** 400)", "divmod(1, 0)", "1 % 0", "1.0 // 0", "complex(1, 2)",
    "chr(-1)", "ord('')", "[][0]", "{}['a']", "next(iter([]))", "max([])", "''.join([1])", "'a' + 1", "-'a'",
    "{[]: 1}", "{*[[]]}", "isinstance(1, 1)", "super().x", "len(1)", "range(1, 2, 0)", "sorted([1, 'a'])",
    "slice(0, 1, 0)", "x['a']", "x[10 ** 30]", "x[:, :, :, :, :, :]", "(1)(2)", "None.x", "config.x.y.z",
    "type('X', (), {})", "exec('1')", "eval('1')", "__import__('os')", "open('/etc/passwd')", "globals()", "input()",
    "breakpoint()", "memoryview(b'x')", "...", "hash(x)", "id(x)", "await x", "(yield)", "zip(*[[1]] * 10 ** 7)",
    "torch.nn.functional.pad(x, (10 ** 9, 10 ** 9))", "torch.nn.Linear(10 ** 6, 10 ** 6)", "nn.Embedding(-1, 4)",
    "nn.Linear('a', None)", "torch.tensor([[1], [1, 2]])", "torch.tensor('a')", "torch.split(x, 0)", "x.chunk(0)",
    "x.reshape(-1, -1)", "torch.where(x)", "x.to('cuda')", "x.dtype.x", "x.shape[9]", "x.size(99)", "x.new_zeros(-1)",
)  # fmt: skip
"""Expressions; names that are not there are one of the things that can go wrong."""


def seeds() -> Iterator[str]:
    """Yield sources, each with a class of the name that is asked for."""
    yield SMALL
    for path in sorted(MODELS.glob("modeling_*.py")):
        text = path.read_text(encoding="utf-8")
        found = _FIRST.search(text)
        if found is not None:
            yield text.replace(found[1], CLASS)


def corpus(transformers: Path) -> Iterator[str]:
    """Yield the models of an installed transformers, for one run: nothing of them is kept in this repository."""
    for path in sorted((transformers / "models").glob("*/modeling_*.py")):
        text = path.read_text(encoding="utf-8")
        found = _FIRST.search(text)
        if found is not None and len(text) < 60_000:
            absolute = text.replace("from ...", "from transformers.").replace("from ..", "from transformers.models.")
            absolute = absolute.replace("from .", f"from transformers.models.{path.parent.name}.")
            yield re.sub(rf"\b{found[1]}\b", CLASS, absolute)
