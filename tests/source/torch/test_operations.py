"""Each tensor knows the operation that made it, and writes to a tensor do not change what was recorded before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scaffold.source.interpreter import Interpreter
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch import bounds
from scaffold.source.torch.events import Event
from scaffold.source.torch.operations import Operation, making
from scaffold.source.torch.tensors import Tensor
from scaffold.source.transformers.imports import resolve

MODULE = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


def run(tmp_path: Path, forward: str, *args: Tensor, init: str = "pass") -> Event:
    """Call a module with the given ``forward`` body and return the event of the call."""
    body = f"{MODULE}class M(nn.Module):\n    def __init__(self):\n        super().__init__()\n        {init}\n"
    body += f"    def forward(self, x, y=None):\n        {forward}\n"
    path = tmp_path / "modeling_x.py"
    path.write_text(body)
    file = SourceFile.parse(path)
    interpreter = Interpreter(resolve)
    model = interpreter.instantiate(interpreter.source_class(file, "M"), [], {})
    interpreter.call(model, list(args), {}, "here")
    return interpreter.watched[0]


def vector(*values: float) -> Tensor:
    return Tensor(np.array(values))


def test_operators_functions_methods_and_layers_leave_one_record_each_in_order(tmp_path: Path) -> None:
    forward = "z = F.softmax(self.lin(x) / 2, dim=-1)\n        return z.unsqueeze(0) @ x[:2] + torch.zeros(1)"
    event = run(tmp_path, forward, Tensor(np.ones((2, 2))), init="self.lin = nn.Linear(2, 2)")
    names = [operation.name for operation in event.all_operations()]
    assert names == ["linear", "div", "softmax", "unsqueeze", "getitem", "matmul", "zeros", "add"]
    assert [operation.name for operation in event.operations] == names[1:]
    assert event.operations[0].where == "modeling_x.py:9"
    assert event.output.origin is event.operations[-1]
    assert event.operations[1].args[0].origin is event.operations[0]


def test_outputs_of_one_operation_share_their_origin(tmp_path: Path) -> None:
    event = run(tmp_path, "a, b = x.chunk(2)\n        return a * b", vector(1, 2, 3, 4))
    product = event.output.origin
    assert isinstance(product, Operation)
    a, b = product.args
    assert a.origin is b.origin
    assert a.origin.name == "chunk"
    assert a.origin.output[1] is b


def test_an_in_place_write_gets_an_origin_that_holds_the_tensor_as_it_was(tmp_path: Path) -> None:
    event = run(tmp_path, "z = x * 2\n        z += z.sum()\n        z[0] = 7\n        return z", vector(1, 2))
    assert event.output.a.tolist() == [7.0, 10.0]
    setitem = event.output.origin
    assert (setitem.name, setitem.args[1], setitem.args[2]) == ("setitem", 0, 7)
    assert setitem.args[0].a.tolist() == [8.0, 10.0]
    added = setitem.args[0].origin
    assert added.name == "add_"
    assert added.output is setitem.args[0]
    assert added.args[0].a.tolist() == [2.0, 4.0]
    assert added.args[0].origin.name == "mul"
    assert added.args[1].origin.args[0] is added.args[0]  # the sum was taken before the write


def test_what_a_call_was_given_stays_as_it_was_given(tmp_path: Path) -> None:
    event = run(tmp_path, "x.mul_(3)\n        return x", vector(1, 2))
    assert event.tensors()[0].a.tolist() == [1.0, 2.0]
    assert event.output.a.tolist() == [3.0, 6.0]
    assert event.output.origin.args[0] is event.tensors()[0]


def test_a_write_to_a_view_is_an_operation_of_the_tensor_behind_it(tmp_path: Path) -> None:
    event = run(tmp_path, "z = x * 1\n        z[1:].add_(1)\n        return z", vector(1, 2))
    assert event.output.a.tolist() == [1.0, 3.0]
    through = event.output.origin
    assert through.name == "write_through"
    assert through.args[0].a.tolist() == [1.0, 2.0]
    assert through.args[1].origin.name == "add_"


@pytest.mark.parametrize(
    ("init", "elements"),
    [
        ("self.kept = torch.arange(9) * 2 + 1", 18),
        ("self.kept = (torch.arange(9) * 2)[1:]", 9),  # a view takes no more
        ("self.weight = nn.Parameter(torch.empty(9, 9))", 0),  # drawn when it is read
    ],
)
def test_what_a_model_computes_while_it_is_made_has_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, init: str, elements: int
) -> None:
    for most in (elements, elements - 1):
        monkeypatch.setattr(bounds, "MAX_KEPT", most)
        if most == elements:
            with making():
                run(tmp_path, "return x", vector(1), init=init)
        elif elements:
            with making(), pytest.raises(NotUnderstood, match="elements in its tensors"):
                run(tmp_path, "return x", vector(1), init=init)
