"""Source can neither change the host nor make it work or hold more than the bounds say."""

from __future__ import annotations

import math
import resource
import time
from pathlib import Path
from typing import Any

import pytest

from scaffold.source.interpreter import Interpreter
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.math import FUNCTIONS
from scaffold.source.python.syntax import SourceFile
from scaffold.source.transformers.imports import resolve
from tests.sampled import sampled


def call(tmp_path: Path, body: str) -> Any:
    path = tmp_path / "modeling_x.py"
    path.write_text(body)
    interpreter = Interpreter(resolve)
    file = SourceFile.parse(path)
    return interpreter.call(interpreter.global_name(file, "f"), [], {}, "here")


@pytest.mark.parametrize(
    "statement",
    [
        'math.__setattr__("isnan", bool)',
        'math.__delattr__("isnan")',
        "math.__dict__.update(isnan=bool)",
        'math.__dict__.__setitem__("isnan", bool)',
        'setattr(math, "isnan", bool)',
        "math.isnan = bool",
        'getattr(math, "__setattr__")("isnan", bool)',
        'numpy.__setattr__("prod", bool)',
        'torch.__setattr__("zeros", bool)',
        'torch.float32.__setattr__("kind", bool)',
        'torch.float32.__init__("bool")',
        "torch.zeros(1).device.__setattr__('type', 'x')",
        "int.__setattr__('x', 1)",
        "dict.fromkeys.__globals__.clear()",
        "[].append.__self__.clear()",
        "math.isnan.__self__.clear()",
    ],
)
def test_source_does_not_change_the_hosts_objects(tmp_path: Path, statement: str) -> None:
    before = {name: getattr(math, name) for name in dir(math)}
    with pytest.raises(NotUnderstood):
        call(tmp_path, f"import math\nimport numpy\nimport torch\ndef f():\n    {statement}")
    assert {name: getattr(math, name) for name in dir(math)} == before


@pytest.mark.parametrize("name", ["factorial", "comb", "perm", "prod", "lcm", "nextafter", "__doc__", "nothing"])
def test_functions_of_math_that_are_in_no_list_are_not_called(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotUnderstood, match=f"a call of math.{name}"):
        call(tmp_path, f"import math\ndef f():\n    return math.{name}(3)")


def test_every_function_of_math_in_the_list_is_pythons() -> None:
    assert [name for name in FUNCTIONS if not callable(getattr(math, name, None))] == []


def test_constants_and_functions_of_math(tmp_path: Path) -> None:
    body = "import math\nfrom math import pi, sqrt\ndef f():\n    return math.pi, pi, sqrt(4), math.inf, math.ceil(1.5)"
    assert call(tmp_path, body) == (math.pi, math.pi, 2.0, math.inf, 2)


GROWING = {
    "percent": "'%300000000d' % 1",
    "percent with a precision": "'%.300000000f' % 1.0",
    "percent with a star": "'%*d' % (300000000, 1)",
    "percent of bytes": "b'%300000000d' % 1",
    "percent of many": "('%s' * 1000) % (('x' * 100000,) * 1000)",
    "a width of an f-string": "f'{1:300000000d}'",
    "a width in an f-string's width": "f'{1:{300000000}d}'",
    "format": "format(1, '300000000d')",
    "ljust": "'x'.ljust(300000000)",
    "zfill": "'x'.zfill(300000000)",
    "center": "'x'.center(300000000)",
    "power": "10 ** 300000000",
    "power of a large number": "(1 << 60) ** 60 ** 60",
    "negative power": "10 ** -300000000",
    "shift": "1 << 300000000",
    "repeated text": "'x' * 300000000",
    "repeated bytes": "b'x' * 300000000",
    "repeated list": "[0] * 300000000",
    "repeated from the left": "300000000 * (0,)",
    "list of a range": "list(range(300000000))",
    "tuple of a range": "tuple(range(300000000))",
    "sum of a range": "sum(range(3000000000))",
    "largest of a range": "max(range(3000000000))",
    "set of a range": "set(range(300000000))",
    "unpacked range": "[*range(300000000)]",
    "pairs of ranges": "list(zip(*[range(900000)] * 1000))",
    "numbered range": "list(enumerate(range(300000000)))",
    "rounded": "round(5, -300000000)",
    "sum of lists": "sum([[0] * 1000] * 100000, [])",
    "joined": "('x' * 1000).join(['y'] * 100000)",
    "replaced": "('x' * 1000000).replace('', 'y' * 1000)",
    "square of a vector": "torch.zeros(100000).tril()",
    "counts": "torch.bincount(torch.tensor([300000000]))",
    "counts by their least number": "torch.bincount(torch.tensor([1]), minlength=300000000)",
    "counts in parts": "torch.histc(torch.zeros(1), 300000000)",
    "joined tensors": "torch.cat([torch.zeros(1000000)] * 1000)",
    "stacked tensors": "torch.stack([torch.zeros(1000000)] * 1000)",
    "rows of a table": "torch.nn.functional.embedding(torch.zeros(100000).long(), torch.zeros(1, 10000))",
    "rows by index": "torch.zeros(1, 10000)[torch.zeros(100000).long()]",
    "columns by index": "torch.zeros(10000, 1)[:, torch.zeros(100000).long()]",
    "linear": "torch.nn.functional.linear(torch.zeros(100000, 1), torch.zeros(100000, 1))",
    "scores": "torch.nn.functional.scaled_dot_product_attention(*[torch.zeros(100000, 1)] * 3)",
    "windows": "torch.zeros(1000000).unfold(0, 100000, 1)",
    "narrowed": "torch.zeros(10).narrow(0, 0, 300000000)",
    "parts": "torch.zeros(10000000).split(1)",
    "numbers": "torch.zeros(10000000).tolist()",
    "rows": "[*torch.zeros(10000000)]",
}
RETURNS = "import torch\nclass Returns(torch.nn.Module):\n    def forward(self, x):\n        return [x]\n"
DOUBLED = "\n    for i in range(100):\n        x = [x, x]\n"
DOUBLED_TUPLE = "\n    for i in range(100):\n        x = (x, x)\n"
GROWING_LOOPS = {
    "text of lists in lists": f"x = [1]{DOUBLED}    return str(x)",
    "f-string of lists in lists": f"x = [1]{DOUBLED}    return f'{{x}}'",
    "comparison of lists in lists": f"x = [1]{DOUBLED}    y = x\n    x = [1]{DOUBLED}    return x == y",
    "hash of tuples in tuples": f"x = (1,){DOUBLED_TUPLE}    return {{x: 1}}",
    "key of tuples in tuples": f"x = (1,){DOUBLED_TUPLE}    return {{}}[x]",
    "copy of lists in lists": f"from copy import deepcopy\n    x = [1]{DOUBLED}    return deepcopy(x)",
    "output of lists in lists": f"x = [1]{DOUBLED}    return Returns()(x)",
    "a list in itself": "x = []\n    x.append(x)\n    return str(x)",
    "starred": "x = [1]\n    for i in range(100):\n        x = [*x, *x]",
    "starred arguments": "x = [1]\n    for i in range(100):\n        x = list(zip(*[(a, a) for a in x])) + [*x, *x]",
    "slices": "x = [1]\n    for i in range(100):\n        x[0:0] = x",
    "f-strings": "x = 'a'\n    for i in range(100):\n        x = f'{x}{x}'",
    "bytes": "x = b'a'\n    for i in range(100):\n        x = x + x",
    "lists kept": "x = []\n    for i in range(1000):\n        x.append([0] * 900000)",
    "texts kept": "x = []\n    for i in range(1000):\n        x.append('a' * 900000 + str(i))",
    "modules": "m = torch.nn.ModuleList([torch.nn.Identity()])\n    for i in range(100):\n        m.extend(m)",
    "a dotted name": "x = torch\n    for i in range(1000000):\n        x = x.a",
}


def took(work: Any) -> tuple[float, float]:
    """Return seconds of processor, and by how many MB the process's peak grew."""
    peak, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    work()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    return time.process_time() - start, grown / 1024


@pytest.mark.parametrize("name", sampled([*GROWING, *GROWING_LOOPS], every=3))
def test_nothing_grows_beyond_its_bound(tmp_path: Path, name: str) -> None:
    body = f"return {GROWING[name]}" if name in GROWING else GROWING_LOOPS[name]

    def work() -> None:
        with pytest.raises(NotUnderstood):
            call(tmp_path, f"{RETURNS}def f():\n    {body}")

    seconds, megabytes = took(work)
    assert seconds < 30  # 3 where it was written
    assert megabytes < 300


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'%03d of %s' % (7, [1])", "007 of [1]"),
        ("'%.2f' % 0.5", "0.50"),
        ("f'{7:03d}'", "007"),
        ("f'{0.5:.2f}{\"a\"!r:>5}'", "0.50  'a'"),
        ("f'{[1, 2]} {None}'", "[1, 2] None"),
        ("2 ** 40 + (1 << 20)", 2**40 + 2**20),
        ("sum([[1], [2]], [])", [1, 2]),
        ("round(2.567, 2), round(1234, -2)", (2.57, 1200)),
        ("'a-b'.replace('-', '+').split('+')", ["a", "b"]),
        ("isinstance(3, int | str)", True),
        ("(lambda table: sum([i in table for i in range(2000)]))({i: i for i in range(2000)})", 2000),
    ],
)
def test_what_models_do_is_within_the_bounds(tmp_path: Path, expression: str, expected: object) -> None:
    assert call(tmp_path, f"def f():\n    return {expression}") == expected
