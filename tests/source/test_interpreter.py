"""The interpreter never lets source reach the machine, and bounds what source may cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scaffold.source.interpreter import Interpreter
from scaffold.source.python import budget
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch import bounds
from scaffold.source.torch.tensors import Tensor
from scaffold.source.transformers.imports import resolve


def call(tmp_path: Path, body: str, *args: object) -> object:
    path = tmp_path / "modeling_x.py"
    path.write_text(body)
    run = Interpreter(resolve)
    file = SourceFile.parse(path)
    return run.call(run.global_name(file, "f"), list(args), {}, "here")


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("def f():\n    return open('/etc/passwd').read()", "the name 'open'"),
        ("def f():\n    return __import__('os')", "the name '__import__'"),
        ("import os\ndef f():\n    return os.system('true')", "a call of os.system"),
        ("def f():\n    return ().__class__", "the attribute '__class__'"),
        ("def f():\n    return (1).__class__.__mro__", "the attribute '__class__'"),
        ("def f():\n    return 'x'.format(1)", "the attribute 'format'"),
        ("def f():\n    return eval('1')", "the name 'eval'"),
        ("import torch\ndef f():\n    return torch.load('x')", "the PyTorch operation 'load'"),
        ("import torch\ndef f():\n    return torch.zeros(3).data_ptr()", "the PyTorch operation 'data_ptr'"),
    ],
)
def test_source_reaches_nothing_of_the_machine(tmp_path: Path, body: str, what: str) -> None:
    with pytest.raises(NotUnderstood, match=what.replace("(", r"\(")):
        call(tmp_path, body)


@pytest.mark.parametrize(
    "body",
    [
        "def f():\n    x = 0\n    for i in range(10**12):\n        x += i",
        "def f():\n    for i in range(10**6):\n        for j in range(10**6):\n            x = 1",
        "def f():\n    return 9 ** 9 ** 9",
        "def f():\n    return 'x' * 10**10",
        "def f():\n    return f()",
        "import torch\ndef f():\n    return torch.arange(10).expand(10**6, 10**6, 10)",
        "import torch\ndef f():\n    return torch.zeros(10**5, 10**5)",
        "import torch\ndef f():\n    return torch.arange(10**10)",
        "import torch\ndef f():\n    return torch.eye(10**5)",
        "from torch import nn\ndef f():\n    return nn.Linear(10**6, 10**6).weight + 1",
        "import torch\ndef f():\n    x = torch.zeros(10**5)\n    return x[:, None] + x",
        "import torch\ndef f():\n    x = torch.zeros(10**5, 1)\n    return x @ x.T",
        "import torch\ndef f():\n    x = torch.zeros(10**5)\n    return torch.einsum('i,j->ij', x, x)",
        "import torch\ndef f():\n    return torch.zeros(10**5).repeat(10**5)",
        "import torch\ndef f():\n    return torch.zeros(10**5).repeat_interleave(10**5)",
        "def f():\n    return max(range(10**12))",
        "def f():\n    x = 'ab'\n    for i in range(100):\n        x = x + x",
        "def f():\n    x = 'ab'\n    x *= 10**10",
        "def f():\n    x = [1]\n    for i in range(100):\n        x.extend(x)",
        "def f():\n    x = 'a'\n    for i in range(100):\n        x = x.replace('a', 'aa')",
        "def f():\n    x = 3\n    for i in range(100):\n        x = x * x",
    ],
)
def test_source_cannot_take_time_or_memory_without_bound(
    tmp_path: Path, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "MAX_STEPS", 50_000)
    with pytest.raises(NotUnderstood):
        call(tmp_path, body)


def test_many_small_parameters_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_DRAWN", 1000)
    imports = "import torch\nfrom torch import nn\n"
    body = f"{imports}def f(n):\n    return [nn.Linear(9, 9)(torch.ones(1, 9)) for _ in range(n)]"
    call(tmp_path, body, 10)
    with pytest.raises(NotUnderstood, match="more than 1,000 parameters"):
        call(tmp_path, body, 12)


def test_in_place_operations_write_through_views(tmp_path: Path) -> None:
    body = "import torch\ndef f(x):\n    y = x[1:]\n    y *= 2\n    y.add_(1)\n    return x"
    result = call(tmp_path, body, Tensor(np.array([1.0, 2.0, 3.0])))
    assert isinstance(result, Tensor)
    assert result.a.tolist() == [1.0, 5.0, 7.0]


def test_an_error_names_the_innermost_line(tmp_path: Path) -> None:
    body = "import torch\ndef g(x):\n    y = 1\n    return x.frobnicate()\ndef f(x):\n    return g(x)"
    with pytest.raises(NotUnderstood, match=r"modeling_x.py:4: the PyTorch operation 'frobnicate'"):
        call(tmp_path, body, Tensor(np.ones(2)))


@pytest.mark.parametrize(
    ("looked_up", "says"),
    [
        ("scaling['factor']", r"KeyError: scaling has no 'factor'; it has 'rope_type', 'theta'"),
        ("{}['factor']", r"KeyError: {} has no 'factor'; it is empty"),
        ("sizes[5]", r"IndexError: sizes has no item 5; it has 2"),
        ("table[sizes[0] + 7]", r"IndexError: no sizes\[0\] \+ 7 in table: index 9 is out of bounds for axis 0.*"),
    ],
)
def test_an_item_that_is_not_there_says_what_is(tmp_path: Path, looked_up: str, says: str) -> None:
    made = "scaling, sizes, table = {'theta': 1e4, 'rope_type': 'yarn'}, [2, 3], torch.ones(2, 3)"
    with pytest.raises(NotUnderstood, match=rf"modeling_x.py:4: {says}$"):
        call(tmp_path, f"import torch\ndef f():\n    {made}\n    return {looked_up}")


def test_an_item_that_is_set_where_there_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match=r"IndexError: sizes has no item 2; it has 2$"):
        call(tmp_path, "import torch\ndef f():\n    sizes = [0, 1]\n    sizes[2] = 4")


HANDLED = """
def f():
    try:
        x = {}["a"]
    except KeyError:
        x = 2
    finally:
        y = 3
    return x, y
"""
NOT_THERE = """
def f():
    try:
        import nowhere
    except ImportError:
        return "without"
"""
LOOP = """
def f():
    n = 0
    while n < 5:
        n += 2
    else:
        n = -n
    return n
"""
STARRED = """
def f():
    first, *rest, last = range(5)
    return first, rest, last
"""
DECORATED = """
def twice(g):
    def wrapper(x):
        return g(g(x))
    return wrapper

@twice
def add(x):
    return x + 1

def f():
    return add(1)
"""
PARTIAL = """
from functools import partial
def add(x, y):
    return x + y
def f():
    return partial(add, y=5)(1)
"""
OF_CLASS = """
from torch import nn
class M(nn.Module):
    @classmethod
    def make(cls):
        return cls.__name__
def f():
    return M.make()
"""
LAYER = """
from torch import nn
class L(nn.Linear):
    def __init__(self):
        super().__init__(2, 3, bias=False)
    def forward(self, x):
        return super().forward(x) * 2
def f():
    return L().weight.shape, L()(L().weight).shape
"""
OF_OBJECT = """
from torch import nn
class M(nn.Module):
    def named(self):
        return f"{self.__class__.__name__} is no {type(self).__name__}"
def f():
    return M().named()
"""
KEPT_FOR_GRADIENTS = """
from torch.utils.checkpoint import checkpoint
def add(x, y=0):
    return x + y
def f():
    return checkpoint(add, 3, y=4, use_reentrant=False)
"""
REST_OF_OUTPUT = """
from transformers.modeling_outputs import BaseModelOutputWithPast
def f():
    found = BaseModelOutputWithPast(last_hidden_state=1, past_key_values=None, hidden_states=2)
    return (0,) + found[1:], found[0]
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (OF_OBJECT, "M is no M"),
        (KEPT_FOR_GRADIENTS, 7),
        (REST_OF_OUTPUT, ((0, 2), 1)),
        (HANDLED, (2, 3)),
        (NOT_THERE, "without"),
        (LOOP, -6),
        (STARRED, (0, [1, 2, 3], 4)),
        (DECORATED, 3),
        (PARTIAL, 6),
        (OF_CLASS, "M"),
        (LAYER, ((3, 2), (3, 3))),
    ],
)
def test_python_that_models_are_written_in(tmp_path: Path, body: str, expected: object) -> None:
    assert call(tmp_path, body) == expected


def test_an_operation_that_is_not_understood_is_no_exception_to_handle(tmp_path: Path) -> None:
    body = (
        "import torch\ndef f():\n    try:\n        return torch.frobnicate(1)\n    except Exception:\n        return 0"
    )
    with pytest.raises(NotUnderstood, match="'frobnicate'"):
        call(tmp_path, body)


def test_logits_of_the_last_positions_as_newer_transformers_ask_for_them(tmp_path: Path) -> None:
    body = (
        "import torch\nfrom transformers.modeling_utils import slice_logits_to_keep\n"
        "def f(count):\n    return slice_logits_to_keep(torch.ones(2, 5, 3), count)"
    )
    shapes = [call(tmp_path, body, count).shape for count in (0, 2)]  # type: ignore[attr-defined]
    assert shapes == [(2, 5, 3), (2, 2, 3)]
