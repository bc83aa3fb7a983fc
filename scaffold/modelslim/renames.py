"""The code of vllm-ascend that renames layers and entries before it looks one up in the other, run without Python.

Which model types it is for and what it replaces differs between releases, so nothing of it is written down here: the
functions are run by the interpreter that runs modeling source.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from scaffold.checkpoint.patterns import pattern_of
from scaffold.source.python.builtins import LIBRARY as BUILTINS
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.interpreter import Interpreter
from scaffold.source.python.objects import Function, Instance
from scaffold.source.python.syntax import SourceFile

METHOD = "get_quant_method"
PREFIX = "prefix"
BY_PART = "quant_prefix_mapper"
"""Renames a layer, or each of its parts."""
ADAPTS = "_apply_extra_quant_adaptations"
MAPPER = "WeightsMapper"
_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")


@dataclass(frozen=True)
class Renames:
    """The class that asks for each layer's quantisation, as text."""

    file: SourceFile = field(repr=False)
    _functions: dict[bool, ast.FunctionDef] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def _class(self) -> ast.ClassDef:
        classes = (node for node in self.file.definitions.values() if isinstance(node, ast.ClassDef))
        return next(node for node in classes if _method(node, METHOD) is not None)

    def _of_layers(self, by_part: bool) -> ast.FunctionDef:
        """Return the statements of ``get_quant_method`` that change the prefix, as a function that gives the new one.

        Args:
            by_part: leave out what is done to each part.
        """
        asked = _method(self._class, METHOD)
        assert asked is not None
        made = ast.parse(f"def renamed(self, model_type, {PREFIX}):\n    return {PREFIX}").body[0]
        assert isinstance(made, ast.FunctionDef)
        sets = [one for one in asked.body if _sets(one, PREFIX) and not (by_part and BY_PART in ast.unparse(one))]
        made.body = [*sets, *made.body]
        return ast.fix_missing_locations(ast.copy_location(made, asked))

    def layer(self, model_type: str, prefix: str, words: Mapping[str, str], row: object, by_part: bool) -> str:
        """Return the prefix that is looked up for a layer's.

        Args:
            model_type: as the config has it in which the layer is made.
            prefix: the layer's.
            words: the entries near by, as code may ask which of two are there.
            row: what is packed.
            by_part: leave out what is done to each part.

        Raises:
            NotUnderstood: the code is beyond the interpreter.
        """
        if by_part not in self._functions:
            self._functions[by_part] = self._of_layers(by_part)
        return self._text(self._functions[by_part], [model_type, prefix], words, row)

    def part(self, model_type: str, prefix: str, words: Mapping[str, str], row: object) -> str:
        """Return the name that is looked up for a part's; see `layer`."""
        mapper = _method(self._class, BY_PART)
        return prefix if mapper is None else self._text(mapper, [model_type, prefix], words, row)

    def _text(self, function: ast.FunctionDef, given: list[object], words: Mapping[str, str], row: object) -> str:
        found = self._run(function, given, words, row)
        if not isinstance(found, str):
            raise NotUnderstood(f"{METHOD} of {self.file.shown}, which makes no text of {given[-1]}")
        return found

    def entries(self, words: Mapping[str, str], settings: Mapping[str, object]) -> dict[str, str]:
        """Return the entries with those that the code adds under further names.

        Names that differ in their numbers alone are renamed alike: one of each kind is tried.

        Raises:
            NotUnderstood: the code is beyond the interpreter.
        """
        adapts = _method(self._class, ADAPTS)
        if adapts is None:
            return dict(words)
        marks = {name: str(value) for name, value in settings.items()}
        known = set(self._adapted(adapts, marks))
        made: dict[str, tuple[str, ...]] = {}
        found = dict(words)
        for name, word in words.items():
            kind = pattern_of(name)
            if kind not in made:
                more = self._adapted(adapts, {**marks, name: word})
                made[kind] = tuple(pattern_of(one) for one in more if one not in known and one != name)
            numbers = _NUMBER.findall(name) if made[kind] else []
            for template in made[kind]:
                if template.count("*") != len(numbers):
                    raise NotUnderstood(f"{ADAPTS} of {self.file.shown}, which changes the numbers of {name}")
                left = iter(numbers)
                found[re.sub(r"\*", lambda _: next(left), template)] = word  # noqa: B023 – used up within the call
        return found

    def _adapted(self, adapts: ast.FunctionDef, words: Mapping[str, str]) -> list[str]:
        instance = self._instance(words, {})
        self._call(adapts, instance, [])
        return list(instance.attributes["quant_description"])

    def _instance(self, words: Mapping[str, str], row: object) -> Instance:
        interpreter = Interpreter(_resolve, (BUILTINS,))
        instance = Instance(interpreter.source_class(self.file, self._class.name))
        instance.attributes |= {"quant_description": dict(words), "packed_modules_mapping": copy.deepcopy(row)}
        return instance

    def _run(self, function: ast.FunctionDef, given: list[object], words: Mapping[str, str], row: object) -> object:
        return self._call(function, self._instance(words, row), given)

    def _call(self, function: ast.FunctionDef, instance: Instance, given: list[object]) -> object:
        interpreter = Interpreter(_resolve, (BUILTINS,))
        bound = Function(self.file, function, {}, instance, instance.cls)
        return interpreter.call(bound, given, {}, self.file.lines(function))


def _method(node: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    return next((one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == name), None)


def _sets(statement: ast.stmt, name: str) -> bool:
    """Return whether a statement may give a new value to a variable."""
    if isinstance(statement, ast.If) and "isinstance" in ast.unparse(statement.test):
        return False
    return any(isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Store)
               for one in ast.walk(statement))  # fmt: skip


def _resolve(file: SourceFile, dotted: str) -> tuple[SourceFile, str] | None:
    """Return where a name is defined: all that renaming needs of others is vLLM's mapper."""
    if dotted.rpartition(".")[2] == MAPPER:
        return SourceFile.parse(Path(__file__).with_name("weights_mapper.py")), MAPPER
    return None
