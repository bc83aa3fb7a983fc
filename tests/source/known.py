"""What the interpreter knows of each library by name, and what of it the cases name: no row is without a case.

Cases are functions that the library itself runs too (`tests/source/torch/torch_cases.py` and its like), so that a name
which a case has is a name that was compared.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from scaffold.source.einops import names as einops
from scaffold.source.numpy import names as numpy
from scaffold.source.torch import torch_ops
from scaffold.source.torch.layers import ACTIVATIONS, LAYERS
from scaffold.source.torch.ops.creation import CREATION
from scaffold.source.transformers import earlier, masks

HERE = Path(__file__).parent
CASES = (HERE / "torch" / "torch_cases.py", HERE / "transformers" / "library_cases.py")
LIBRARIES = {"np": "numpy", "math": "math", "einops": "einops"}
"""What cases call a module → the library; all other names are torch's, or of transformers."""
INITIAL = {"uniform_", "normal_", "empty", "empty_like", "new_empty"}
"""First values of parameters, which are random on both sides, and memory without values."""
OF_THE_MACHINE = {"cuda", "half", "bfloat16"}
"""Conversions to another device, and to 16 bits: what is rounded there is a fact of its own (tests/reading)."""
OURS = {"alias", "swish"}
"""What records call something that torch has no function for."""
HELD = {"ModuleList", "ModuleDict", "Sequential", "Identity", "Dropout", "Conv1D"}
"""Layers that hold others or compute nothing, and transformers' own: models of the benchmark run them."""


def known() -> dict[str, set[str]]:
    """Return library → names that compute something."""
    return {
        "torch": {*torch_ops.OPS, *torch_ops.ALIASES, *CREATION, *LAYERS} - INITIAL - OF_THE_MACHINE - OURS - HELD,
        "numpy": {*numpy.OF_A_NUMBER, *numpy.OF_A_LIST, *numpy.CREATED, *numpy.COMPUTED},
        "einops": {*einops.FUNCTIONS, *einops.REDUCTIONS},
        "transformers": {*ACTIVATIONS, *masks.KINDS, *earlier.CHANGED, "default"},
    }


def named() -> dict[str, set[str]]:
    """Return library → names that the cases have."""
    found: dict[str, set[str]] = {library: set() for library in ("torch", "math", *known())}
    for path in CASES:
        for library, name in _names(ast.parse(path.read_text())):
            found[library] |= {name, name.rstrip("_")}
    return found


def _names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            of = node.value.id if isinstance(node.value, ast.Name) else ""
            yield LIBRARIES.get(of, "torch"), node.attr
        elif isinstance(node, ast.Name):
            yield "einops", node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (("einops", node.value), ("transformers", node.value))
        elif isinstance(node, ast.alias):
            yield "transformers", node.name


def without_case() -> Mapping[str, list[str]]:
    """Return library → names that are known, and that no case has; libraries where there are none are left out."""
    has = named()
    missing = {library: sorted(names - has[library]) for library, names in known().items()}
    return {library: names for library, names in missing.items() if names}
