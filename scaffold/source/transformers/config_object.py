"""The config as modeling source sees it: the checkpoint's values, then the config class's own defaults and completion.

Follows transformers 5 (src/transformers/configuration_utils.py): annotated class attributes are fields with defaults,
``__post_init__`` completes them and hands what is no field to ``PreTrainedConfig.__post_init__``, which sets it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any

from scaffold.source.python.builtins import deep_copy
from scaffold.source.python.errors import NotUnderstood, Raised
from scaffold.source.python.objects import Function, Instance, SourceClass
from scaffold.source.torch.tensors import Dtype
from scaffold.source.transformers import config_rope
from scaffold.source.transformers.config_values import keyed
from scaffold.source.transformers.protocol import Interpreter

BASE_NAMES = ("PreTrainedConfig", "PretrainedConfig")
BASE_DEFAULTS: dict[str, Any] = {
    "_attn_implementation": "eager",
    "_attn_implementation_internal": "eager",
    "_experts_implementation": "eager",
    "attention_dropout": 0.0,
    "attribute_map": {},
    "chunk_size_feed_forward": 0,
    "default_rope_type": "default",
    "default_theta": config_rope.DEFAULT_THETA,
    "id2label": None,
    "is_encoder_decoder": False,
    "is_heterogeneous": False,
    "output_attentions": False,
    "output_hidden_states": False,
    "pad_token_id": None,
    "pruned_heads": {},
    "return_dict": True,
    "sub_configs": {},
    "tie_word_embeddings": True,
    "torch_dtype": None,
    "dtype": None,
    "use_cache": False,
    "use_return_dict": True,
}
"""Defaults of ``PreTrainedConfig`` and what it computes where nothing was stated."""
EARLIER_DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(("add_cross_attention", "is_decoder", "tie_encoder_decoder", "torchscript", "use_bfloat16"), False),
    **dict.fromkeys(("bos_token_id", "eos_token_id", "sep_token_id", "decoder_start_token_id"), None),
    **dict.fromkeys(("cross_attention_hidden_size", "finetuning_task", "prefix", "tokenizer_class"), None),
    **dict.fromkeys(("problem_type", "task_specific_params", "label2id"), None),
    "num_labels": 2,
    **dict.fromkeys(("do_sample", "early_stopping", "output_scores", "return_dict_in_generate"), False),
    **dict.fromkeys(("remove_invalid_values",), False),
    **dict.fromkeys(("min_length", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size"), 0),
    **dict.fromkeys(("num_beams", "num_beam_groups", "num_return_sequences"), 1),
    **dict.fromkeys(("temperature", "top_p", "typical_p", "repetition_penalty", "length_penalty"), 1.0),
    **dict.fromkeys(("bad_words_ids", "forced_bos_token_id", "forced_eos_token_id", "suppress_tokens"), None),
    **dict.fromkeys(("begin_suppress_tokens", "exponential_decay_length_penalty"), None),
    "diversity_penalty": 0.0,
    "max_length": 20,
    "top_k": 50,
}
"""Defaults that ``PretrainedConfig`` of transformers 4 has besides (src/transformers/configuration_utils.py, 4.30 to
4.57), for the config classes of remote code. Those of generation compute nothing, but are read."""
BASE_FIELDS: dict[str, Any] = {
    "architectures": None,
    "chunk_size_feed_forward": 0,
    "dtype": None,
    "id2label": None,
    "is_encoder_decoder": False,
    "label2id": None,
    "output_hidden_states": False,
    "problem_type": None,
    "return_dict": True,
    "transformers_version": None,
}
"""Fields of ``PreTrainedConfig`` itself."""
DTYPE_KEYS = ("dtype", "torch_dtype")
"""The second is the older spelling."""
FLOATS = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}
OLD_LAYER_TYPES = {
    "mamba": "linear_attention",
    "attention": "full_attention",
    "deepseek_sparse_attention": "indexed_attention",
    "qwen_sparse_attention": "indexed_attention",
}
"""``_LEGACY_LAYER_TYPE_REMAP`` of configuration_utils.py."""


@dataclass(frozen=True)
class PerLayerConfigs:
    """``config.per_layer_config``: a config for each layer (transformers: integrations/heterogeneity)."""

    config: Config

    def __getitem__(self, index: Any) -> Config:
        return self.config.for_layer(index)


@dataclass(frozen=True)
class ConfigInit:
    """``SomeConfig.__init__``, which source asks for its parameters only."""

    cls: SourceClass


def signature(interpreter: Interpreter, init: Any) -> Any:
    """Return ``inspect.signature`` of a config class's ``__init__``: its fields.

    Raises:
        NotUnderstood: it is asked of something else.
    """
    if not isinstance(init, ConfigInit):
        raise NotUnderstood("the signature of what is no config class")
    names = (*Config({}, init.cls)._fields(), *BASE_FIELDS)
    return SimpleNamespace(parameters=dict.fromkeys(names))


def is_config_class(cls: SourceClass) -> bool:
    """Return whether the class descends from ``PreTrainedConfig``."""
    return any(one.name in BASE_NAMES for one in cls.ancestry)


class Config(Instance):
    """A config object: what ``config.json`` has, completed by the config class."""

    def __init__(self, values: Mapping[str, Any], cls: SourceClass | None) -> None:
        super().__init__(cls)
        self.attributes = {
            key: _untagged(value) if key.endswith("_config") else keyed(_untagged(value), key)
            for key, value in values.items()
        }  # what a config in the config is made of has its keys there
        self.stated = frozenset(values)
        """Keys that it was made of."""
        self.per_layer: frozenset[str] = frozenset()
        """Keys that ``per_layer_config`` sets for some layers: there is no value of the whole model."""
        self.library: SourceClass | None = None
        """transformers' class of the model type, whose defaults count where there is no class of the checkpoint's."""
        self.older: tuple[str, ...] = config_rope.OLDER
        """Older names of rotary types that are read as they were meant."""
        self._renames: dict[str, str] | None = None
        """The class's ``attribute_map``, once it was asked for."""

    @property
    def kind(self) -> str:
        """Return the name of the config class, or a word for one without a class."""
        return self.cls.name if self.cls else "config"

    @property
    def _defaults(self) -> Mapping[str, Any]:
        """What the base class has; for remote code also what that of transformers 4 had, and where it had theta."""
        if not self.is_remote:
            return BASE_DEFAULTS
        rope = self.attributes.get("rope_parameters") or {}
        beside = {"rope_theta": rope["rope_theta"]} if "rope_theta" in rope else {}
        return EARLIER_DEFAULTS | BASE_DEFAULTS | beside

    @property
    def is_remote(self) -> bool:
        """Return whether its class is one of a checkpoint's own."""
        return self.cls is not None and not self.cls.file.is_of_library

    def complete(self, interpreter: Interpreter) -> None:
        """Do what making the config object does: defaults, older spellings, the class's own completion.

        Raises:
            NotUnderstood: the config class does something that the interpreter does not run.
        """
        if self.cls is None:
            self.attributes.setdefault("rope_parameters", None)
            self.post_init(interpreter, **self.attributes)
            return
        given, self.attributes = self.attributes, {}
        fields = {**BASE_FIELDS, **{name: self._default(interpreter, name) for name in self._fields()}}
        for name, value in {**fields, **{k: v for k, v in given.items() if k in fields}}.items():
            self.attributes[self._renamed(interpreter, name)] = value
        extra = {key: value for key, value in given.items() if key not in fields}
        own_init, own_post_init = self._method("__init__"), self._method("__post_init__")
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
        fields = [name for one in self._library_classes() for name in _fields_of(one.node)]
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
        remapped(interpreter, config=self)

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
        stands_in = self.library is not None and name in _fields_in(self.library)
        for cls in (self.cls, self.library if stands_in else None):
            with suppress(NotUnderstood):
                if cls is not None:
                    return keyed(deep_copy(interpreter.attribute(cls, name)), name)
        if name in self._defaults:
            return self._defaults[name]
        part = name.removesuffix("_config")
        of_part = f"the part {part}, which is made of " if part != name and self.cls is not None else ""
        raise Raised(f"{of_part}the config key {name!r}, which config.json does not have", kind="AttributeError")

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

    def _fields(self) -> Iterator[str]:
        """Return the names of annotated class attributes with a default, as dataclasses see them."""
        return iter(_fields_in(self.cls) if self.cls is not None else ())

    def _default(self, interpreter: Interpreter, name: str) -> Any:
        return keyed(deep_copy(interpreter.attribute(self.cls, name)), name)


def _fields_in(cls: SourceClass) -> tuple[str, ...]:
    """Return the names of the fields of a class and those it descends from, each once."""
    own = (_fields_of(one.node) for one in cls.ancestry if isinstance(one, SourceClass))
    return tuple(dict.fromkeys(name for names in own for name in names))


@lru_cache(maxsize=64)
def _fields_of(node: ast.ClassDef) -> tuple[str, ...]:
    """Return the names of a class body's annotated attributes with a value, but for those of the class itself."""
    annotated = [one for one in node.body if isinstance(one, ast.AnnAssign) and one.value is not None]
    own = [one for one in annotated if "ClassVar" not in ast.unparse(one.annotation)]
    return tuple(one.target.id for one in own if isinstance(one.target, ast.Name))


def _untagged(value: Any) -> Any:
    """Return a value of ``config.json`` with the numbers that JSON has no word for (``{"__float__": "Infinity"}``)."""
    if isinstance(value, dict):
        if set(value) == {"__float__"} and value["__float__"] in FLOATS:
            return FLOATS[value["__float__"]]
        return {key: _untagged(one) for key, one in value.items()}
    return [_untagged(one) for one in value] if isinstance(value, list) else value


def make(
    interpreter: Interpreter, cls: SourceClass | None, values: Mapping[str, Any], *, as_released: bool = False
) -> Config:
    """Return the completed config object of a class (None: a config without a class).

    Args:
        interpreter: runs the class.
        cls: the class.
        values: ``config.json``.
        as_released: do what the library does, and not also what an older spelling was meant to do.

    Raises:
        NotUnderstood: the config class does something that the interpreter does not run.
    """
    config = Config(values, cls)
    if as_released:
        config.older = ()
    config.complete(interpreter)
    return config


def of_base_class(interpreter: Interpreter, name: str, config: Config, *args: Any, **kwargs: Any) -> Any:
    """Call ``PreTrainedConfig.<name>`` with the config as its first argument, as some classes do."""
    return METHODS[name](interpreter, config, *args, **kwargs)


def remapped(interpreter: Interpreter, layer_types: Any = None, config: Config | None = None) -> Any:
    """Do what ``remap_legacy_layer_types`` does: today's names of layer types."""
    if layer_types is not None:
        return [OLD_LAYER_TYPES.get(kind, kind) for kind in layer_types]
    if config is not None:
        config.rename_layer_types(interpreter)
    return None


def _to_dict(interpreter: Interpreter, config: Config) -> dict[str, Any]:
    return dict(config.attributes)


def _text_config(interpreter: Interpreter, config: Config, *_: Any, **__: Any) -> Config:
    inner = config.attributes.get("text_config")
    return inner if isinstance(inner, Config) else config


def _nothing(interpreter: Interpreter, config: Config, *_: Any, **__: Any) -> None:
    return None


METHODS: dict[str, Callable[..., Any]] = {
    "__init__": lambda interpreter, config, **kwargs: config.generated_init(interpreter, **kwargs),
    "__post_init__": lambda interpreter, config, **kwargs: config.post_init(interpreter, **kwargs),
    "convert_rope_params_to_dict": lambda interpreter, config, **kwargs: config.convert_rope(interpreter, **kwargs),
    "get_text_config": _text_config,
    "standardize_rope_params": lambda interpreter, config: config.standardize_rope(interpreter),
    "nested_rope_parameter_keys": lambda interpreter, config, parameters: config_rope.nested_keys(
        parameters, config.getter(interpreter)
    ),
    "to_dict": _to_dict,
    "validate_rope": _nothing,
    "rope_config_validation": _nothing,
}
"""What ``PreTrainedConfig`` and its mixins offer to config classes and modeling source."""
