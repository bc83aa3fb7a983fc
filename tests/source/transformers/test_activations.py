"""transformers' table of activations: those that are no rows of ours are read from its file, which uses it itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scaffold.source.interpreter import Interpreter
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch.tensors import Tensor
from scaffold.source.transformers.imports import resolver

LIBRARY = """
from collections import OrderedDict

import torch
from torch import nn


class Halved(nn.Module):
    def __init__(self, most):
        super().__init__()
        self.most = most

    def forward(self, x):
        return torch.clip(halved(x), max=self.most)


class Half(nn.Module):
    def forward(self, x):
        return x / 2


class ClassInstantier(OrderedDict):
    def __getitem__(self, key):
        content = super().__getitem__(key)
        cls, kwargs = content if isinstance(content, tuple) else (content, {})
        return cls(**kwargs)


ACT2CLS = {"half": Half, "half_1": (Halved, {"most": 1.0}), "relu": nn.ReLU}
ACT2FN = ClassInstantier(ACT2CLS)


def get_activation(name):
    if name in ACT2FN:
        return ACT2FN[name]
    raise KeyError(name)


halved = get_activation("half")
"""
SOURCE = """
from transformers.activations import ACT2FN, get_activation, halved


def computed(x):
    return ACT2FN["half_1"](x), get_activation("half")(x), halved(x), get_activation("relu")(x)


def known():
    return "half_1" in ACT2FN, "relu" in ACT2FN, "third" in ACT2FN
"""


def test_the_librarys_file_makes_activations_of_its_own_table(tmp_path: Path) -> None:
    package = tmp_path / "transformers"
    (package / "models").mkdir(parents=True)
    (package / "activations.py").write_text(LIBRARY)
    (tmp_path / "modeling_wren.py").write_text(SOURCE)
    interpreter, file = Interpreter(resolver(package)), SourceFile.parse(tmp_path / "modeling_wren.py")
    x = np.array([[-3.0, 1.0, 6.0]])
    found = interpreter.call(interpreter.global_name(file, "computed"), [Tensor(x)], {}, "here")
    half = x / 2
    for one, wanted in zip(found, (np.minimum(half, 1.0), half, half, np.maximum(x, 0.0)), strict=True):
        np.testing.assert_array_equal(one.a, wanted)
    assert interpreter.call(interpreter.global_name(file, "known"), [], {}, "here") == (True, True, False)
