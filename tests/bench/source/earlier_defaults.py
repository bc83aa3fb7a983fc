"""Compare what remote code reads of transformers' own config classes with the defaults that releases had.

``python -m tests.bench.source.earlier_defaults PACKAGE…``, each the folder of a release's ``transformers``. A row for
each default that is another one: what the release's ``__init__`` says, and what is read today of an empty config.json.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scaffold.source.interpreter import Interpreter
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import SourceFile
from scaffold.source.transformers.config_object import make
from scaffold.source.transformers.imports import resolver
from tests.lab.engine import engine

DECODER = {"vocab_size", "num_hidden_layers"}
"""Parameters that tell the class of a text model."""
MISSING = "nothing"


def compared(release: Path, today: Path) -> Iterator[tuple[str, str, Any, Any]]:
    """Yield class, key, the release's default and what is read now, where they differ."""
    said = re.search(r'^__version__ = "(.+)"', (release / "__init__.py").read_text(), re.MULTILINE)
    assert said is not None, release
    for path in sorted((release / "models").glob("*/configuration_*.py")):
        now = today / path.relative_to(release)
        for name, defaults in _defaults(path):
            if now.is_file() and defaults.keys() >= DECODER and name in (file := SourceFile.parse(now)).definitions:
                yield from _differing(file, name, defaults, said[1], today)


def _defaults(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the classes of a file with the defaults of their ``__init__``, as far as those are literals."""
    for cls in ast.parse(path.read_text()).body:
        inits = [one for one in getattr(cls, "body", ()) if getattr(one, "name", "") == "__init__"]
        for init in inits if isinstance(cls, ast.ClassDef) else ():
            args = init.args.args
            pairs = zip(args[len(args) - len(init.args.defaults) :], init.args.defaults)
            yield cls.name, {one.arg: value for one, default in pairs if (value := _literal(default)) is not MISSING}


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return MISSING


def _differing(
    file: SourceFile, name: str, defaults: dict[str, Any], release: str, today: Path
) -> Iterator[tuple[str, str, Any, Any]]:
    interpreter = Interpreter(resolver(today), 0, today, is_remote=True)
    try:
        config = make(interpreter, interpreter.source_class(file, name), {"transformers_version": release})
    except NotUnderstood as hole:
        yield name, "the class itself", "", str(hole)
        return
    for key, value in defaults.items():
        found = config.getter(interpreter)(key, MISSING)
        is_list = isinstance(value, (list, tuple)) and isinstance(found, (list, tuple))
        if (list(found) != list(value) if is_list else found != value) and value is not None:  # both complete None
            yield name, key, value, found


def main(packages: list[str]) -> None:
    """Print the rows of each release."""
    for package in packages:
        for row in compared(Path(package), engine().transformers):
            print(package, *row, sep=" | ")


if __name__ == "__main__":
    main(sys.argv[1:])
