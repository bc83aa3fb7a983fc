"""Each operation computes what PyTorch computes: the same functions, run by both."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaffold.source.interpreter import Interpreter
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch.tensors import Tensor
from scaffold.source.transformers.imports import resolve
from tests.rows import each

HERE = Path(__file__).parent
CASES = SourceFile.parse(HERE / "torch_cases.py")
NAMES = [name for name, node in CASES.definitions.items() if type(node).__name__ == "FunctionDef"]


def inputs() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    return {"x": rng.normal(size=(3, 4, 6)), "i": rng.integers(0, 4, (3, 4, 2)), "m": rng.normal(size=(3, 4, 6)) > 0.3}


def interpreted(name: str) -> Any:
    interpreter = Interpreter(resolve)
    function = interpreter.global_name(CASES, name)
    with np.errstate(all="ignore"):  # some cases are of what is not finite
        return plain(interpreter.call(function, [Tensor(value) for value in inputs().values()], {}, "here"))


def plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.a.tolist()
    return [plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def flat(value: Any) -> list[float]:
    return [number for part in value for number in flat(part)] if isinstance(value, list) else [float(value)]


def shape(value: Any) -> Any:
    return [shape(part) for part in value] if isinstance(value, list) else type(value).__name__


def alike(found: Any, wanted: Any) -> bool:
    same = shape(found) == shape(wanted)
    return same and np.allclose(flat(found), flat(wanted), rtol=1e-12, atol=1e-12, equal_nan=True)


def pytorch(python: Path) -> dict[str, Any]:
    """Return what the PyTorch of an environment gives for each case."""
    given = json.dumps({name: value.tolist() for name, value in inputs().items()})
    command = [str(python), str(HERE / "run_torch_cases.py")]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    from tests.lab.engine import engine

    return pytorch(engine().python)


@each("name", NAMES)
def test_every_case_runs_in_the_interpreter(name: str) -> None:
    assert flat(interpreted(name))


@pytest.mark.engine
@pytest.mark.parametrize("name", NAMES)
def test_an_operation_gives_what_pytorch_gives(answers: dict[str, Any], name: str) -> None:
    found, wanted = interpreted(name), answers[name]
    assert shape(found) == shape(wanted)
    np.testing.assert_allclose(flat(found), flat(wanted), rtol=1e-12, atol=1e-12)


@each("number, digits, rounded", [(2.675, 2, 2.68), (0.285, 2, 0.28), (2.5, None, 2), (3, 1, 3)])
def test_a_number_of_an_array_is_rounded_as_numpy_does(number: float, digits: int | None, rounded: float) -> None:
    found = round(Tensor(np.array(number)), digits)
    assert found == rounded
    assert type(found) is type(rounded)


def test_an_array_with_axes_is_not_rounded() -> None:
    with pytest.raises(TypeError, match="axes"):
        round(Tensor(np.array([2.5])))
