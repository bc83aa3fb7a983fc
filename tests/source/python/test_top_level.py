"""What a name means at the top level of a file: what the last statement that is carried out makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.source.interpreter import Interpreter
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import SourceFile
from scaffold.source.transformers.imports import resolve


def value(tmp_path: Path, text: str, name: str = "x") -> Any:
    path = tmp_path / "modeling_x.py"
    path.write_text(text)
    return Interpreter(resolve).global_name(SourceFile.parse(path), name)


def called(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "modeling_x.py"
    path.write_text(text)
    interpreter = Interpreter(resolve)
    return interpreter.call(interpreter.global_name(SourceFile.parse(path), "f"), [], {}, "here")


CASES = {
    "x = 1\nx = x + 1\nx = x * 5": 10,
    "def x():\n    return 1\nx = (x, 2)[1]": 2,
    "from math import sqrt as x\nx = x(16.0)": 4.0,
    "from transformers.utils import is_x_available\nif is_x_available():\n    x = 1\nelse:\n    x = 2": 2,
    "from transformers.utils import is_torch_available\nif is_torch_available():\n    x = 1\nelse:\n    x = 2": 1,
    "x = 2\nif x > 5:\n    x = 3": 2,
    "try:\n    import deepspeed\n    x = True\nexcept ImportError:\n    x = False": False,
    "try:\n    import torch\n    x = True\nexcept ImportError:\n    x = False": True,
    "try:\n    from xformers import ops as x\nexcept ImportError:\n    x = None": None,
    "try:\n    from flash_attn import flash_attn_func, other\n    x = 1\nexcept:\n    x = 2": 2,
    "try:\n    from flash_attn import flash_attn_func\n    x = 1\nexcept:\n    x = 2": 1,
}


@pytest.mark.parametrize("text", CASES)
def test_the_last_statement_that_is_carried_out(text: str, tmp_path: Path) -> None:
    assert value(tmp_path, text) == CASES[text]


def test_a_name_that_is_wrapped_under_itself_is_what_was_imported(tmp_path: Path) -> None:
    text = "import torch\nfrom math import sqrt\nif sqrt(4.0) > 1:\n    sqrt = torch.jit.script(sqrt)\n"
    text += "def f():\n    return sqrt(9.0)"
    assert called(tmp_path, text) == 3.0


@pytest.mark.parametrize("text", ["x = x + 1", "x = y\ny = x"])
def test_a_name_that_is_defined_by_itself_alone_is_a_hole(text: str, tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood):
        value(tmp_path, text)


DATA = "from dataclasses import dataclass, field\n@dataclass\nclass A:\n    a: int\n    b: float = 0.5\n"
DATA += "@dataclass\nclass B(A):\n    c: list = field(default_factory=list)\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("one = A(3)\n    return one.a, one.b", (3, 0.5)),
        ("one = B(3, c=[1])\n    return one.a, one.b, one.c", (3, 0.5, [1])),
        ("return vars(A(a=1, b=2.0))", {"a": 1, "b": 2.0}),
        ("one = A(1)\n    one.__dict__.update(b=4.0)\n    return one.b", 4.0),
    ],
)
def test_a_dataclass_has_the_fields_that_it_is_given(body: str, expected: Any, tmp_path: Path) -> None:
    assert called(tmp_path, f"{DATA}def f():\n    {body}") == expected


@pytest.mark.parametrize("body", ["A()", "A(1, 2.0, 3)", "A(1, other=2)", "C(1)"])
def test_arguments_that_are_no_fields_are_a_hole(body: str, tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood):
        called(tmp_path, f"{DATA}class C:\n    pass\ndef f():\n    return {body}")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("list(map(lambda n: n + 1, [1, 2]))", [2, 3]),
        ("list(filter(lambda n: n > 1, [1, 2]))", [2]),
        ("list(filter(None, [0, 2]))", [2]),
        ("next(iter([4, 5])), next(iter([]), 7)", (4, 7)),
        ("sorted([3, 1, 2], key=lambda n: -n), max([1, 2], key=lambda n: -n), max(1, 2)", ([3, 2, 1], 1, 2)),
        ("isinstance(None, (type(None), int)), isinstance(3, type(None)), type(2.0)(3)", (True, False, 3.0)),
        ("(2.0).is_integer(), (2.5).is_integer()", (True, False)),
        ("pow(2, 5), 'a_b'.rsplit('_', 1), '7'.isdigit()", (32, ["a", "b"], True)),
        ("os.environ.get('HOME', 'none'), os.getenv('HOME')", ("none", None)),
        ("version.parse('2.10.0') > version.parse('2.9')", True),
        ("version.parse(torch.__version__) >= version.parse('2.0.0')", True),
        ("torch.cuda.is_available(), torch.cuda.device_count(), torch.backends.mps.is_available()", (False, 0, False)),
        ("issubclass(KeyError, KeyError), torch.is_autocast_cpu_enabled()", (True, False)),
        ("dict(OrderedDict(a=1)), defaultdict(list)['x']", ({"a": 1}, [])),
        ("nn.init.kaiming_uniform_(3, a=2)", 3),
    ],
)
def test_what_the_language_and_its_library_give(expression: str, expected: Any, tmp_path: Path) -> None:
    imports = "import os\nimport torch\nfrom torch import nn\nfrom packaging import version\n"
    imports += "from collections import OrderedDict, defaultdict\n"
    assert called(tmp_path, f"{imports}def f():\n    return {expression}") == expected


def test_a_global_is_set_for_all_functions(tmp_path: Path) -> None:
    text = "made = None\ndef get():\n    global made\n    if made is None:\n        made = [1]\n    return made\n"
    assert called(tmp_path, f"{text}def f():\n    get().append(2)\n    return get()") == [1, 2]


def test_other_modules_are_not_changed_by_an_attribute(tmp_path: Path) -> None:
    text = "import torch\nimport torch.nn.functional as F\ndef f():\n    "
    assert called(tmp_path, f"{text}torch.backends.cuda.matmul.allow_tf32 = True") is None
    with pytest.raises(NotUnderstood, match=r"an attribute set on torch\.nn\.functional"):
        called(tmp_path, f"{text}F.silu = F.relu")
