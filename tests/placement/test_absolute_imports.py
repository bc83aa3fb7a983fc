"""Relative imports become absolute ones, whatever their level; all else keeps every byte."""

from __future__ import annotations

from scaffold.placement.registration import absolute_imports
from tests.rows import each


@each(
    ("before", "after"),
    [
        ("from .utils import maybe_prefix\n", "from a.b.c.utils import maybe_prefix\n"),
        ("from . import llama\n", "from a.b.c import llama\n"),
        ("from ..layers.norm import (  # why\n    A,\n)\n", "from a.b.layers.norm import (  # why\n    A,\n)\n"),
        ("def f():\n    from .x.y import z\n", "def f():\n    from a.b.c.x.y import z\n"),
        (
            "é = 1; from .x import z\nfrom . import (\n    y,\n)\n",
            "é = 1; from a.b.c.x import z\nfrom a.b.c import (\n    y,\n)\n",
        ),
        ("from . . x import z  # from .x\n", "from a.b.x import z  # from .x\n"),
        ("import torch\nfrom torch import nn  # as it is\n", "import torch\nfrom torch import nn  # as it is\n"),
    ],
)
def test_before_and_after(before: str, after: str) -> None:
    assert absolute_imports(before, "a.b.c") == after
