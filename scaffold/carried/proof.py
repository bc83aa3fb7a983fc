"""Proof of carried statements: their text, run by the interpreter, gives what the source computes, and on each rank.

Nothing here believes how the text was made: it is parsed and run like any source.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scaffold.probing.numeric import same
from scaffold.source.interpreter import Interpreter
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch.module import Module
from scaffold.source.torch.tensors import Array, Tensor

HEAD = """\
import math

import torch
import torch.nn.functional as F
from torch import nn


class Carried(nn.Module):
"""


def run(
    lines: Sequence[str], given: Mapping[str, Array], attributes: Mapping[str, Any], wanted: Sequence[str]
) -> tuple[Array, ...]:
    """Return what statements make of tensors.

    Args:
        lines: the statements.
        given: the names that they begin with, and their tensors.
        attributes: of ``self``.
        wanted: the names that hold the results.

    Raises:
        NotUnderstood: they cannot be run.
    """
    body = "\n".join(f"        {line}" for line in (*lines, f"return ({', '.join(wanted)},)"))
    text = f"{HEAD}    def forward(self, {', '.join(given)}):\n{body}\n"
    file = SourceFile(Path("carried.py"), "carried.py", ast.parse(text))
    interpreter = Interpreter(lambda *_: None)
    module = interpreter.instantiate(interpreter.source_class(file, "Carried"), [], {})
    assert isinstance(module, Module)
    module.attributes |= attributes
    with np.errstate(all="ignore"):
        found = interpreter.call(module, [Tensor(array) for array in given.values()], {}, "")
    return tuple(one.a for one in found)


def check(
    lines: Sequence[str],
    given: Mapping[str, Array],
    attributes: Mapping[str, Any],
    expected: Mapping[str, Array],
    what: str,
) -> None:
    """Check that statements give what is expected.

    Raises:
        NotUnderstood: they do not; says of ``what``.
    """
    found = run(lines, given, attributes, list(expected))
    for (name, array), one in zip(expected.items(), found):
        if not same(one.reshape(array.shape) if one.size == array.size else one, array):
            raise NotUnderstood(f"statements for {name} that compute something else {what}")
