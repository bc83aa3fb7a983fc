"""Which ``except`` handles an exception, and what is put into other containers: as Python itself has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.source.python.errors import NotUnderstood
from tests.rows import each
from tests.source.python.test_top_level import called

TRY = "def check(n):\n    assert n > 20, n\n    return n\n\n\ndef f():\n    try:\n        {body}\n    {handlers}\n"
HANDLED = [
    ("return check(30)", "except AssertionError:\n        return 0"),
    ("return check(3)", "except AssertionError:\n        return 0"),
    ("return check(3)", "except (KeyError, AssertionError) as error:\n        return 1"),
    ("return check(3)", "except ValueError:\n        return 0\n    except Exception:\n        return 1"),
    ("return check(3)", "except:\n        return 2"),
    ("raise ValueError('n')", "except KeyError:\n        return 0\n    except ValueError:\n        return 1"),
    ("return [1][check(30)]", "except KeyError:\n        return 0\n    except LookupError:\n        return 1"),
    ("return {}['a']", "except IndexError:\n        return 0\n    except KeyError:\n        return 1"),
    ("return f.of_no_name", "except ValueError:\n        return 0\n    except AttributeError:\n        return 1"),
    ("import deepspeed", "except ValueError:\n        return 0\n    except ImportError:\n        return 1"),
]


def of_python(text: str) -> Any:
    names: dict[str, Any] = {}
    exec(text, names)
    return names["f"]()


@each("body, handlers", HANDLED)
def test_the_handler_is_the_one_that_python_takes(tmp_path: Path, body: str, handlers: str) -> None:
    text = TRY.format(body=body, handlers=handlers)
    assert called(tmp_path, text) == of_python(text)


def test_an_exception_that_no_handler_is_for_is_raised(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match="source that raises ValueError"):
        called(tmp_path, TRY.format(body="raise ValueError('n')", handlers="except KeyError:\n        return 0"))


def test_a_class_of_the_source_that_may_be_handled_is_a_hole(tmp_path: Path) -> None:
    text = "class Small(ValueError):\n    pass\n\n\n" + TRY.format(
        body="raise Small('n')", handlers="except ValueError:\n        return 0"
    )
    with pytest.raises(NotUnderstood, match="where ValueError is handled"):
        called(tmp_path, text)


def test_a_default_that_cannot_be_computed_is_a_hole(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match="ZeroDivisionError"):
        called(tmp_path, "def f(part=divmod(1, 0)):\n    return part\n")


def test_an_assertion_that_nothing_handles_holds(tmp_path: Path) -> None:
    """A model that runs has none that fails; what a probe's sizes do to it is of no account."""
    text = TRY.format(body="return check(3)", handlers="except KeyError:\n        return 0")
    assert called(tmp_path, text) == 3


PUT = [
    "[*range(3), 7, *(1, 2)]",
    "(0, *{'a': 1})",
    "{*range(3), 1}",
    "{**{'a': 1, 'b': 2}, 'b': 3, **{'a': 4}}",
    "(lambda first, *rest, **named: (first, rest, named))(*'abc', **{'d': 1}, e=2)",
    "max(*range(3), *[5])",
]


@each("expression", PUT)
def test_what_is_put_into_another_container(tmp_path: Path, expression: str) -> None:
    text = f"def f():\n    first, *rest = range(4)\n    return {expression}, first, rest"
    assert called(tmp_path, text) == of_python(text)
