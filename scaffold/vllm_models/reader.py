"""From a model file to its modules: classes are followed into other files of the tree, nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from scaffold.source.python.binding import bind
from scaffold.source.python.classes import assigned, functions, resolution_order
from scaffold.source.python.objects import External
from scaffold.vllm_models import methods, plain_functions, vllm_config
from scaffold.vllm_models.arguments import arguments_of, prefix_of
from scaffold.vllm_models.evaluate import Evaluator
from scaffold.vllm_models.execute import Returned, execute
from scaffold.vllm_models.files import Files
from scaffold.vllm_models.layers import BARE, LAYERS
from scaffold.vllm_models.mappers import mapper_of
from scaffold.vllm_models.model_file import ModelFile
from scaffold.vllm_models.shares import misfits
from scaffold.vllm_models.values import (
    ClassValue,
    Fault,
    FunctionValue,
    Node,
    Parameter,
    Partial,
    Record,
    Unknown,
    truth,
)

MAX_DEPTH = 40
VLLM_LAYERS = "vllm.model_executor.layers"
ENUMS = ("Enum", "StrEnum", "IntEnum")
"""Base classes of enumerations: their members are read as their values."""

_text = lru_cache(maxsize=4096)(ast.unparse)
"""Of callees, which are the same for each layer and each number of ranks."""
Known = Callable[["Reader", list[Any], dict[str, Any], str], Any]
"""Takes the reader, the positional and the named arguments, and file and line of the call."""


class Reader:
    """Builds the modules of a class.

    Args:
        files: the tree.
        registered: architecture → module and class, as the tree's registry has it.
        causal_lm: model type → architecture, for inner models whose config names none.
        config_class: model type → its config class in transformers and that one's bases; empty if not known.
        known: functions whose outcome is known without looking into them.
        latent: model types for which vLLM keeps latents in the cache.
        ranks: the tensor-parallel size.
        kinds: file and line that make layers → the first layer of each kind, as a reader for one rank found them:
            for more ranks, these alone are made.
        is_quantised: whether the model gets a quantisation: that of the outer config is that of the models inside of
            it, too.

    Attributes:
        asked_as: the model type of the config for which vLLM's ``initialize_model`` makes modules right now.
        faults: where the code fails for certain when the modules are made, and how.
        defaulted: key that the config was asked for and does not have → where a default is in its place.
        draft: the config of the draft, where one is made.
    """

    def __init__(
        self,
        files: Files,
        registered: Mapping[str, tuple[str, str]],
        causal_lm: Callable[[str], str | None],
        config_class: Callable[[str], tuple[str, ...]],
        known: Mapping[str, Known],
        latent: frozenset[str] = frozenset(),
        ranks: int = 1,
        kinds: dict[str, set[int]] | None = None,
        is_quantised: bool = False,
    ) -> None:
        self.files, self.registered = files, registered
        self.causal_lm, self.config_class = causal_lm, config_class
        self.known, self.latent = known, latent
        self.ranks = ranks
        self.kinds = {} if kinds is None else kinds
        self.faults: list[Fault] = []
        self.defaulted: dict[str, str] = {}
        self.asked_as = ""
        self.draft: Record | None = None
        self._is_quantised = is_quantised
        self._depth = self._doubts = 0
        self._orders: dict[ClassValue, tuple[ClassValue, ...]] = {}

    def fault(self, where: str, what: str, *, of_sizes: bool = False) -> None:
        """Note that the code fails here, perhaps as a size cannot be shared by the ranks, unless that is in doubt."""
        fault = Fault(f"{where} {what}", of_sizes)
        if not self._doubts and fault not in self.faults:
            self.faults.append(fault)

    @contextmanager
    def doubtful(self, is_so: bool = True) -> Iterator[None]:
        """Note that what follows may not be run, or be asked whether it fails."""
        self._doubts += is_so
        try:
            yield
        finally:
            self._doubts -= is_so

    @contextmanager
    def asking_as(self, config: Record) -> Iterator[None]:
        """Note that vLLM makes what follows with a config of its own (``set_current_vllm_config``)."""
        before, self.asked_as = self.asked_as, str(config.values.get("model_type", ""))
        try:
            yield
        finally:
            self.asked_as = before

    def around(self, config: Record) -> Record:
        """Return vLLM's config around a model's config."""
        self.asked_as = self.asked_as or str(config.values.get("model_type", ""))
        return vllm_config.around(config, self.draft, self.latent, self.ranks, self._is_quantised)

    # Names

    def global_value(self, file: ModelFile, name: str) -> Any:
        """Return what a global name of a file is."""
        statement = file.definitions.get(name)
        if statement is not None and file.module.startswith(f"{VLLM_LAYERS}.") and self._is_known(name):
            return External(name)
        if isinstance(statement, ast.ClassDef):
            return ClassValue(file, statement)
        if isinstance(statement, ast.FunctionDef):
            return FunctionValue(file, statement)
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            value = statement.value
            if value is None or self._depth > MAX_DEPTH:
                return Unknown(f"{file.path.name}: {name}")
            return self._deeper(lambda: Evaluator(self, file, {}).value(value))
        return self.imported(file, file.imports[name]) if name in file.imports else External(name)

    def _is_known(self, name: str) -> bool:
        return name in LAYERS or name in BARE or name in self.known

    def imported(self, file: ModelFile, dotted: str) -> Any:
        """Return what an import brings."""
        name = dotted.rpartition(".")[2]
        if self._is_known(name):
            return External(name)
        found = self.files.imported(file, dotted)
        return self.global_value(*found) if isinstance(found, tuple) else found

    def mro(self, value: ClassValue) -> tuple[ClassValue, ...]:
        """Return a class and its bases as far as they are in model files, in the order in which Python asks them.

        A class whose bases have no such order, which Python would not make, has only itself.
        """
        if value not in self._orders:
            order = resolution_order(value, self._bases) or (value,)
            if self._depth > MAX_DEPTH:  # where bases that are computed are not known
                return order
            self._orders[value] = order
        return self._orders[value]

    def _bases(self, value: ClassValue) -> list[ClassValue]:
        found = [Evaluator(self, value.file, {}).value(base) for base in value.node.bases]
        return [base for base in found if isinstance(base, ClassValue)]

    def method(self, value: ClassValue, name: str) -> FunctionValue | None:
        """Return a method of a class or of its bases."""
        for item in self.mro(value):
            for function in functions(item.node, name):
                return FunctionValue(item.file, function)
        return None

    def class_attribute(self, of: ClassValue, name: str, owner: Node | None = None) -> Any:
        """Return a method or an assigned attribute of a class or of its bases."""
        for item in self.mro(of):
            for function in functions(item.node, name):
                return FunctionValue(item.file, function, owner)
            expression = assigned(item.node, name)
            if expression is not None:
                return Evaluator(self, item.file, {}).value(expression)
        return Unknown(f"{of.node.name} has no {name}")

    # Calls

    def call(self, scope: Evaluator, node: ast.Call) -> Any:
        """Return what a call returns; a module where it makes one."""
        special = self._of_an_object(scope, node)
        if special is not None:
            return special[0]
        function = scope.value(node.func)
        given = arguments_of(scope, node)
        if given is None:
            return Unknown(f"{scope.file.where(node)}: arguments", made=True)
        return self.apply(function, *given, scope.file.where(node), _text(node.func))

    def apply(self, function: Any, positional: list[Any], named: dict[str, Any], where: str, shown: str) -> Any:
        """Return what a function or class gives with these arguments."""
        if isinstance(function, Partial):
            joined = [*function.positional, *positional], {**function.named, **named}
            return self.apply(function.function, *joined, where, shown)
        if isinstance(function, ClassValue):
            return self.build(function, positional, named)
        if isinstance(function, FunctionValue):
            if isinstance(function.node, ast.FunctionDef) and function.node.name in self.known:
                return self.known[function.node.name](self, positional, named, where)
            return self.inline(function, positional, named, where)
        if isinstance(function, External):
            return self._external(function, positional, named, where)
        return Unknown(f"{where}: {shown}()", made=True)

    def _of_an_object(self, scope: Evaluator, node: ast.Call) -> tuple[Any] | None:
        """Return the outcome of calls that are known by form, such as ``super().__init__`` or ``tie_weights``."""
        target = node.func
        if isinstance(target, ast.Name) and target.id == "super":
            return (Unknown("super()"),)
        if isinstance(target, ast.Name) and target.id == "set_weight_attrs" and node.args:
            scope.loosen(node.args[0])
            return (None,)
        if not isinstance(target, ast.Attribute):
            return None
        if target.attr == "__init__" and isinstance(target.value, ast.Call) and _text(target.value.func) == "super":
            self._super_init(scope, node)
            return (None,)
        owner = scope.value(target.value)
        if isinstance(owner, str | list | dict):
            return methods.call(owner, target.attr, [scope.value(item) for item in node.args], {
                keyword.arg: scope.value(keyword.value) for keyword in node.keywords if keyword.arg
            })  # fmt: skip
        if isinstance(owner, Node) and target.attr == "to":
            return (owner,)
        if isinstance(owner, Node) and target.attr == "tie_weights":
            return (Node(owner.class_name, tied=True),)
        if isinstance(owner, Node) and target.attr in ("register_buffer", "register_parameter"):
            self._register(scope, owner, node)
            return (None,)
        if isinstance(owner, Record) and target.attr in ("get_text_config", "with_hf_config"):
            return (self._with_config(owner, scope, node),)
        return None

    def _with_config(self, owner: Record, scope: Evaluator, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get_text_config":
            return owner.get("text_config") if "text_config" in owner.values else owner
        inner = scope.value(node.args[0]) if node.args else Unknown("a config")
        return self.around(inner) if isinstance(inner, Record) else Unknown("a config")

    def _register(self, scope: Evaluator, owner: Node, node: ast.Call) -> None:
        """Note a buffer or a parameter; a loader may fill a persistent buffer, but need not."""
        name = scope.value(node.args[0]) if node.args else None
        named = {keyword.arg: scope.value(keyword.value) for keyword in node.keywords if keyword.arg}
        assert isinstance(node.func, ast.Attribute)
        if not isinstance(name, str):
            owner.unread = f"{scope.file.where(node)}: {node.func.attr}"
        elif node.func.attr == "register_parameter":
            value = scope.value(node.args[1]) if len(node.args) > 1 else named.get("param")
            if truth(value) is not False:
                owner.parameters[name] = Parameter()
        elif truth(named.get("persistent", True)) is not False:
            owner.parameters[name] = Parameter(required=False)

    def _super_init(self, scope: Evaluator, node: ast.Call) -> None:
        """Follow the ``__init__`` of the bases of the class whose ``__init__`` this is."""
        owner = scope.variables.get("self")
        around = scope.variables.get("__class__")
        if not isinstance(owner, Node) or not isinstance(around, ClassValue):
            return
        given = arguments_of(scope, node)
        if given is None:
            owner.unread = f"{scope.file.where(node)}: arguments"
            return
        positional, named = given
        for base in self.mro(around)[1:]:
            for init in functions(base.node, "__init__"):
                function = FunctionValue(base.file, init, owner, {"__class__": base})
                self.inline(function, positional, named, scope.file.where(node))
                return
        self._as_layer(owner, around, positional, named, scope.file.where(node))

    def _as_layer(
        self, node: Node, value: ClassValue, positional: Sequence[Any], named: Mapping[str, Any], where: str
    ) -> bool:
        """Give a module the parameters of the layer of vLLM that its class descends from, if it does."""
        for item in self.mro(value):
            for base in item.node.bases:
                known = Evaluator(self, item.file, {}).value(base)
                if isinstance(known, External) and known.name in LAYERS:
                    self._share(known.name, positional, named, where)
                    made = LAYERS[known.name].node(known.name, positional, named)
                    node.parameters |= made.parameters
                    self._note_layer(node, known.name, named, where)
                    return True
                if isinstance(known, External) and known.name in BARE:
                    return True
        return False

    def _note_layer(self, node: Node, layer: str, named: Mapping[str, Any], where: str) -> None:
        """Note on a module of which layer of vLLM it is, and what that was told besides its sizes."""
        node.layer, node.prefix, node.asked_as = layer, prefix_of(named), self.asked_as
        node.is_whole = truth(named.get("disable_tp", False)) is True
        if named.get("quant_config") is not None:
            node.quantised = f"{where}: {layer} with a quantisation, which makes its own parameters"

    def _share(self, layer: str, positional: Sequence[Any], named: Mapping[str, Any], where: str) -> None:
        for reason in misfits(layer, positional, named, self.ranks):
            self.fault(where, f"makes a {layer}: {reason}", of_sizes=True)

    def _member(self, value: ClassValue, positional: Sequence[Any]) -> Any:
        """Return the member of an enumeration that has a value: here, as where it is named, that value."""
        given = positional[0] if len(positional) == 1 else Unknown("no value")
        members = [
            Evaluator(self, value.file, {}).value(one.value) for one in value.node.body if isinstance(one, ast.Assign)
        ]
        known = isinstance(given, str | int) and any(type(given) is type(one) and given == one for one in members)
        return given if known else Unknown(f"{value.file.where(value.node)}: which {value.node.name} it is")

    def build(self, value: ClassValue, positional: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """Return the module that a class makes of these arguments."""
        name = value.node.name
        if name in BARE:
            return Node(name)
        if name == "WeightsMapper":
            return mapper_of(named)
        if any(_text(base).split(".")[-1] in ENUMS for item in self.mro(value) for base in item.node.bases):
            return self._member(value, positional)
        node = Node(name, value)
        found = None
        for item in self.mro(value):
            init = next(iter(functions(item.node, "__init__")), None)
            if init is not None:
                found = FunctionValue(item.file, init, node, {"__class__": item})
                break
        if found is None and self._as_layer(node, value, positional, named, value.file.where(value.node)):
            return node
        if found is None:
            node.unread = f"{name}: no __init__ in the model files"
        else:
            outcome = self.inline(found, positional, named, value.file.where(value.node))
            if isinstance(outcome, Unknown) and outcome.made:
                node.unread = outcome.why
        return node

    def inline(self, function: FunctionValue, positional: Sequence[Any], named: Mapping[str, Any], where: str) -> Any:
        """Return what a function of a model file returns; ``__init__`` fills the module that it is bound to."""
        variables = dict(function.around)
        given = list(positional)
        if function.owner is not None and isinstance(function.node, ast.FunctionDef):
            decorators = {ast.unparse(item) for item in function.node.decorator_list}
            if "staticmethod" not in decorators:
                given.insert(0, function.owner)
        if self._depth >= MAX_DEPTH or not self._bind(function, given, named, variables):
            return Unknown(f"{where}: a call that could not be followed", made=True)
        scope = Evaluator(self, function.file, variables)
        if isinstance(function.node, ast.Lambda):
            body = function.node.body
            return self._deeper(lambda: scope.value(body))
        statements = function.node.body
        outcome = self._deeper(lambda: execute(statements, scope))
        return outcome.value if isinstance(outcome, Returned) else None

    def _bind(
        self, function: FunctionValue, positional: list[Any], named: Mapping[str, Any], variables: dict[str, Any]
    ) -> bool:
        """Bind arguments to names; return False where they do not fit."""
        binding = bind(function.node.args, positional, named)
        scope = Evaluator(self, function.file, dict(function.around))
        variables.update({name: scope.value(default) for name, default in binding.defaults.items()})
        variables.update(binding.values)
        variables.update({name: Unknown(f"the argument {name}", made=True) for name in binding.missing})
        return not binding.surplus and not binding.unexpected

    def _deeper(self, work: Callable[[], Any]) -> Any:
        self._depth += 1
        try:
            return work()
        finally:
            self._depth -= 1

    def _external(self, function: External, positional: list[Any], named: dict[str, Any], where: str) -> Any:
        name = function.name
        if name in self.known:
            return self.known[name](self, positional, named, where)
        if name in BARE:
            return Node(name)
        if name in LAYERS:
            self._share(name, positional, named, where)
            node = LAYERS[name].node(name, positional, named)
            self._note_layer(node, name, named, where)
            return node
        outcome = plain_functions.call(name, positional) if function.dotted == name and not named else None
        return Unknown(f"{where}: {name}()", made=True) if outcome is None else outcome[0]
