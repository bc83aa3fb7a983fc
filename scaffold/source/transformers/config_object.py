"""The config as modeling source sees it: the checkpoint's values, then the config class's own defaults and completion.

Follows transformers 5 (src/transformers/configuration_utils.py): annotated class attributes are fields with defaults,
``__post_init__`` completes them and hands what is no field to ``PreTrainedConfig.__post_init__``, which sets it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from scaffold.source.python.builtins import deep_copy
from scaffold.source.python.errors import NotUnderstood, Raised
from scaffold.source.python.objects import Function, Instance, SourceClass
from scaffold.source.torch.tensors import Dtype
from scaffold.source.transformers import config_rope, earlier_defaults
from scaffold.source.transformers.config_class import fields_in, fields_of
from scaffold.source.transformers.config_defaults import (
    BASE_DEFAULTS,
    BASE_FIELDS,
    DTYPE_KEYS,
    EARLIER_DEFAULTS,
    OLD_LAYER_TYPES,
)
from scaffold.source.transformers.config_methods import METHODS
from scaffold.source.transformers.config_values import keyed, untagged
from scaffold.source.transformers.protocol import Interpreter


@dataclass(frozen=True)
class PerLayerConfigs:
    """``config.per_layer_config``: a config for each layer (transformers: integrations/heterogeneity)."""

    config: Config

    def __getitem__(self, index: Any) -> Config:
        return self.config.for_layer(index)


class Config(Instance):
    """A config object: what ``config.json`` has, completed by the config class."""

    def __init__(self, values: Mapping[str, Any], cls: SourceClass | None) -> None:
        super().__init__(cls)
        self.attributes = {
            key: untagged(value) if key.endswith("_config") else keyed(untagged(value), key)
            for key, value in values.items()
        }  # what a config in the config is made of has its keys there
        self.stated = frozenset(values)
        """Keys that it was made of."""
        self.per_layer: frozenset[str] = frozenset()
        """Keys that ``per_layer_config`` sets for some layers: there is no value of the whole model."""
        self.library: Config | None = None
        """What transformers' class of the model type makes of the same values, which counts where there is no class of
        the checkpoint's."""
        self.older: tuple[str, ...] = config_rope.OLDER
        """Older names of rotary types that are read as they were meant."""
        self._renames: dict[str, str] | None = None
        """The class's ``attribute_map``, once it was asked for."""

    @property
    def kind(self) -> str:
        """Return the name of the config class, or a word for one without a class."""
        return self.cls.name if self.cls else "config"

    def _defaults(self, interpreter: Interpreter) -> Mapping[str, Any]:
        """What the base class has; for remote code also what it and transformers' classes had in transformers 4."""
        if not (self.is_remote or interpreter.is_remote):
            return BASE_DEFAULTS
        beside = config_rope.earlier(self.attributes.get("rope_parameters"))
        return EARLIER_DEFAULTS | BASE_DEFAULTS | earlier_defaults.gone(self._names(), beside) | beside

    @property
    def is_remote(self) -> bool:
        """Return whether its class is one of a checkpoint's own."""
        return self.cls is not None and not self.cls.file.is_of_library

    def _names(self) -> list[str]:
        """Return the names of transformers' classes that it is made from, those that say more first."""
        return [one.name for one in self._library_classes()] + (self.library._names() if self.library else [])

    def complete(self, interpreter: Interpreter) -> None:
        """Do what making the config object does: defaults, older spellings, the class's own completion.

        Raises:
            NotUnderstood: the config class does something that the interpreter does not run.
        """
        if self.cls is None:
            theirs = self.library.attributes if self.library is not None else {}
            self.attributes.setdefault("rope_parameters", deep_copy(theirs.get("rope_parameters")))
            self.post_init(interpreter, **self.attributes)
            return
        given, self.attributes = self.attributes, {}
        own_init, own_post_init = self._method("__init__"), self._method("__post_init__")
        if own_init is None:
            given = self._as_earlier(interpreter, given)
        fields = {**BASE_FIELDS, **{name: self._default(interpreter, name) for name in fields_in(self.cls)}}
        for name, value in {**fields, **{k: v for k, v in given.items() if k in fields}}.items():
            self.attributes[self._renamed(interpreter, name)] = value
        extra = {key: value for key, value in given.items() if key not in fields}
        if own_init is not None:
            interpreter.call_function(own_init, [], given)
            self._complete_rope(interpreter)
        elif own_post_init is not None:
            interpreter.call_function(own_post_init, [], extra)
        else:
            self.post_init(interpreter, **extra)
        for name, value in self.attributes.items():
            if name not in given or isinstance(value, (int, float)):  # which a class may have converted
                self.attributes[name] = keyed(value, name)

    def _complete_rope(self, interpreter: Interpreter) -> None:
        """Bring rotary keys that a class's own ``__init__`` set into ``rope_parameters``, unless they are there."""
        made, stated = self.attributes.get("rope_parameters") or {}, self.attributes.get("rope_scaling")
        scaling = stated if isinstance(stated, dict) else {}
        if "rope_theta" in self.attributes and not (made and scaling.keys() <= made.keys()):
            self.convert_rope(interpreter, **({"rope_scaling": scaling} if scaling else {}))

    def generated_init(self, interpreter: Interpreter, **kwargs: Any) -> None:
        """Do what the ``__init__`` does that a config class inherits: that of a class of transformers has fields."""
        kwargs = self._as_earlier(interpreter, kwargs)
        fields = [name for one in self._library_classes() for name in fields_of(one.node)]
        for name in dict.fromkeys(fields):
            value = kwargs.pop(name) if name in kwargs else self._default(interpreter, name)
            self.attributes[self._renamed(interpreter, name)] = value
        post_init = self._method("__post_init__") if fields else None
        if post_init is not None:
            interpreter.call_function(post_init, [], kwargs)
        else:
            self.post_init(interpreter, **kwargs)

    def _library_classes(self) -> list[SourceClass]:
        ancestry = self.cls.ancestry if self.cls is not None else ()
        return [one for one in ancestry if isinstance(one, SourceClass) and one.file.is_of_library]

    def _as_earlier(self, interpreter: Interpreter, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a class of transformers is given, with the defaults that it had when the checkpoint was made.

        Raises:
            NotUnderstood: they were others in transformers 4, and nothing says which release it was made with.
        """
        if not interpreter.is_remote:
            return dict(given)
        stated = self.attributes.get("transformers_version") or given.get("transformers_version")
        return earlier_defaults.completed(self._names(), given, stated)

    def to_make(self) -> dict[str, Any]:
        """Return values of which its class makes the same again: an ``__init__`` may refuse what it does not name."""
        init = self._method("__init__")
        if init is None:
            return self.attributes
        arguments = init.node.args
        named = {one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
        return {key: value for key, value in self.attributes.items() if key in self.stated or key in named}

    def post_init(self, interpreter: Interpreter, **kwargs: Any) -> None:
        """Do what ``PreTrainedConfig.__post_init__`` does, as far as modeling source can see it."""
        get = self.getter(interpreter)
        has_rope = get("rope_parameters", self) is not self
        if has_rope or (kwargs.get("rope_theta") and kwargs.get("rope_scaling")):
            convert = self._method("convert_rope_params_to_dict")
            if convert is not None:
                kwargs = interpreter.call_function(convert, [], kwargs)
            else:
                kwargs = self.convert_rope(interpreter, **kwargs)
        for name in ("attn_implementation", "experts_implementation"):
            kwargs.pop(name, None)
        for name in DTYPE_KEYS:
            if (stated := kwargs.pop(name, None)) and not self.attributes.get("dtype"):
                self.attributes["dtype"] = stated
        overrides = kwargs.pop("per_layer_config", None)
        for name, value in kwargs.items():
            self.store(interpreter, name, value)
        if overrides:
            self.attributes["per_layer_config"] = overrides
            self.per_layer = frozenset(key for one in overrides.values() for key in one)
        self.rename_layer_types(interpreter)

    def convert_rope(self, interpreter: Interpreter, **kwargs: Any) -> dict[str, Any]:
        """Bring the older rotary keys into ``rope_parameters``, and return what else was given."""
        parameters = config_rope.merged(kwargs, self.getter(interpreter), self.older)
        self.attributes["rope_parameters"] = keyed(parameters, "rope_parameters")
        return kwargs

    def standardize_rope(self, interpreter: Interpreter) -> None:
        """Fill in type, base and original length of ``rope_parameters``."""
        get = self.getter(interpreter)
        self.attributes["rope_parameters"] = config_rope.standard(get("rope_parameters", None) or {}, get, self.older)

    def look_up(self, interpreter: Interpreter, name: str) -> Any:
        """Return ``config.name``.

        Raises:
            NotUnderstood: neither the checkpoint nor the config class has it.
        """
        name = self._renamed(interpreter, name)
        if name == "per_layer_config":
            return PerLayerConfigs(self)
        if name in self.per_layer:
            raise Raised(
                f"the config key {name!r} read for the whole model, which differs between layers", kind="AttributeError"
            )
        if name in self.attributes:
            return self._stated(name)
        found = self.cls.method(name) if self.cls is not None else None
        if found is not None:
            return interpreter.bound(self, *found)
        if name in METHODS:
            return partial(METHODS[name], interpreter, self)
        if name.startswith("validate_"):
            return lambda *_, **__: None
        if self.cls is not None:
            with suppress(NotUnderstood):
                return keyed(deep_copy(interpreter.attribute(self.cls, name)), name)
        if self.library is not None and self.library.has(interpreter, name):
            return deep_copy(self.library.look_up(interpreter, name))
        defaults = self._defaults(interpreter)
        if name in defaults:
            return defaults[name]
        part = name.removesuffix("_config")
        of_part = f"the part {part}, which is made of " if part != name and self.cls is not None else ""
        raise Raised(f"{of_part}the config key {name!r}, which config.json does not have", kind="AttributeError")

    def has(self, interpreter: Interpreter, name: str) -> bool:
        """Return whether the values, or the completion by the class, say what ``config.name`` is."""
        return self._renamed(interpreter, name) in self.attributes

    def _stated(self, name: str) -> Any:
        """Return a value as transformers has it: of the word for a data type (``bfloat16``) it makes one."""
        stated = self.attributes[name]
        is_word = name == "dtype" and isinstance(stated, str)
        return Dtype(stated.removeprefix("torch.")) if is_word else stated

    def store(self, interpreter: Interpreter, name: str, value: Any) -> None:
        """Set ``config.name``, under the name that the class's ``attribute_map`` gives it, or by its setter."""
        name = self._renamed(interpreter, name)
        for owner, node in self.cls.definitions(name) if self.cls is not None else ():
            if any(isinstance(d, ast.Attribute) and d.attr == "setter" for d in node.decorator_list):
                interpreter.call_function(Function(owner.file, node, {}, self, owner), [value], {})
                return
        self.attributes[name] = value

    def duplicate(self) -> Config:
        """Return a copy, as ``copy.deepcopy`` makes it: containers are copied, too."""
        result = Config({}, self.cls)
        result.library = self.library
        result.attributes = {key: deep_copy(value) for key, value in self.attributes.items()}
        result.per_layer = self.per_layer
        return result

    def for_layer(self, index: Any) -> Config:
        """Return the config of a layer by number, or of all layers of a type, which are the same."""
        if not self.per_layer:
            return self
        number = int(index) if not isinstance(index, str) else self.attributes["layer_types"].index(index)
        result = self.duplicate()
        result.per_layer = frozenset()
        overrides = {int(key): one for key, one in result.attributes.pop("per_layer_config").items()}
        result.attributes |= overrides.get(number, {})
        return result

    def text_part(self) -> Config:
        """Return the config of the text decoder: the one inside of this, or this itself."""
        inner = self.attributes.get("text_config")
        return inner if isinstance(inner, Config) else self

    def rename_layer_types(self, interpreter: Interpreter) -> None:
        """Give layer types today's names, under whatever key the class keeps them."""
        for asked in ("layer_types", "mtp_layer_types"):
            name = self._renamed(interpreter, asked)
            kinds = self.attributes.get(name)
            if isinstance(kinds, (list, tuple)):
                self.attributes[name] = [keyed(OLD_LAYER_TYPES.get(kind, kind), name) for kind in kinds]

    def check_rope(self, interpreter: Interpreter) -> None:
        """Let the class check its rotary parameters, if it has a check of its own.

        Raises:
            NotUnderstood: it refuses them, or does something that the interpreter does not run.
        """
        own = self._method("validate_rope")
        if own is not None:
            interpreter.call_function(own, [], {})

    def defines(self, method: str) -> bool:
        """Return whether the class, or one that it is made from, has a method of its own of this name."""
        return self._method(method) is not None

    def getter(self, interpreter: Interpreter) -> Callable[..., Any]:
        """Return a function that returns an attribute, or the default that it is given."""

        def get(name: str, *default: Any) -> Any:
            try:
                return self.look_up(interpreter, name)
            except Raised:
                if default:
                    return default[0]
                raise

        return get

    def _renamed(self, interpreter: Interpreter, name: str) -> str:
        if name in DTYPE_KEYS:
            return "dtype"
        if self.cls is None or name == "attribute_map":
            return name
        if self._renames is None:
            self._renames = dict(self._class_constant(interpreter, "attribute_map") or {})
        return self._renames.get(name, name)

    def _class_constant(self, interpreter: Interpreter, name: str) -> Any:
        if self.cls is None:
            return None
        try:
            return interpreter.attribute(self.cls, name)
        except NotUnderstood:
            return None

    def _method(self, name: str) -> Function | None:
        found = self.cls.method(name) if self.cls is not None else None
        return Function(found[0].file, found[1], {}, self, found[0]) if found else None

    def _default(self, interpreter: Interpreter, name: str) -> Any:
        return keyed(deep_copy(interpreter.attribute(self.cls, name)), name)


def make(
    interpreter: Interpreter,
    cls: SourceClass | None,
    values: Mapping[str, Any],
    *,
    as_released: bool = False,
    library: SourceClass | None = None,
) -> Config:
    """Return the completed config object of a class (None: a config without a class).

    Args:
        interpreter: runs the class.
        cls: the class.
        values: ``config.json``.
        as_released: do what the library does, and not also what an older spelling was meant to do.
        library: transformers' class of the model type, which says the rest where there is no class.

    Raises:
        NotUnderstood: the config class does something that the interpreter does not run.
    """
    config = Config(values, cls)
    if library is not None and cls is None:
        config.library = make(interpreter, library, values)
    if as_released:
        config.older = ()
    config.complete(interpreter)
    return config
