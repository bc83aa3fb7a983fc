"""The model that vLLM makes of a checkpoint's layers for multi-token prediction, and what its layers are asked as.

Which class drafts, and by which config, is what ``SpeculativeConfig.hf_config_override`` of the tree makes of the
checkpoint's own (vllm/config/speculative.py): that function is run by the interpreter that runs modeling source.
The draft is made after the model, in the same config of vLLM, so with the same object of the quantisation: what the
model's classes handed over holds for the draft, too, unless its class makes a quantisation of its own
(``get_draft_quant_config``). By whose rows it is asked: `scaffold.modelslim.proposers`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scaffold.checkpoint import prediction
from scaffold.checkpoint.read import Checkpoint
from scaffold.common.errors import UsageError
from scaffold.modelslim.layers import Handed, Layer, layers
from scaffold.modelslim.proposers import named_in
from scaffold.roots.vllm_tree import VllmTree
from scaffold.source.python.builtins import LIBRARY as BUILTINS
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.interpreter import Interpreter
from scaffold.source.python.objects import Function, Instance
from scaffold.source.python.syntax import SourceFile, UnreadableError, read_tree
from scaffold.vllm_models.adapter import built
from scaffold.vllm_models.loaders import Loader, loader_of
from scaffold.vllm_models.reader import Reader
from scaffold.vllm_models.values import Choice, Node

WHERE = Path("vllm", "config", "speculative.py")
CLASS, METHOD = "SpeculativeConfig", "hf_config_override"
OWN_QUANTISATION = "get_draft_quant_config"
"""Of vllm/model_executor/models/utils.py: reads the draft's description anew."""
NO_MODULE = "?"
"""The class of what may be a module, or none."""
_CONFIG = Path(__file__).with_name("hf_config.py")
_PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Draft:
    """A draft.

    Attributes:
        class_name: of the class that drafts.
        model_type: of its own config; the layers are asked as the model's.
        events: its layers, and what its class hands over, after those of the model.
        chosen_by: the methods of ``SpeculativeConfig`` that name its model type.
        loader: its loader, as far as it can be read, with the rows of those of its modules.
        has_own: whether it makes a quantisation of its own, to which the model's classes handed nothing.
        why: why it is not known what the draft asks for; empty if it is.
    """

    class_name: str = ""
    model_type: str = ""
    events: tuple[Layer | Handed, ...] = field(default=(), repr=False)
    chosen_by: frozenset[str] = frozenset()
    loader: Loader = field(default=Loader(), repr=False)
    has_own: bool = False
    why: str = ""

    def as_itself(self) -> tuple[Layer | Handed, ...]:
        """Return the events where the draft's own config stands in the model's place."""
        return tuple(
            replace(one, asked_as=self.model_type) if isinstance(one, Layer) else one for one in self.events
        )  # fmt: skip


def draft_of(
    checkpoint: Checkpoint, tree: VllmTree, transformers: Path | None, completed: Mapping[str, Any] | None = None
) -> Draft | None:
    """Return the draft of a checkpoint; None if it has no layers for multi-token prediction. Nothing is run."""
    weights = checkpoint.weights
    if not prediction.found(checkpoint.text_config, weights.patterns, weights.forms).names:
        return None
    try:
        speculative = _speculative(tree.root)
        config = overridden(tree.root, checkpoint.config)
    except NotUnderstood as error:
        return Draft(why=f"{METHOD} of {WHERE.as_posix()} could not be followed: {error}")
    names = config.get("architectures")
    name = str(names[0]) if isinstance(names, list) and names else ""
    if name in ("", checkpoint.architecture) or name not in tree.registry:
        return Draft(why=f"this vLLM makes no draft of {checkpoint.architecture}")
    entry = tree.registry[name]
    try:
        reader, root = built(tree, entry, checkpoint, transformers, completed, config)
    except UsageError as error:
        return Draft(entry.class_name, why=error.found)
    events = tuple(layers(reader, root))
    made = [one for one in events if isinstance(one, Layer)]
    model_type = str(config.get("model_type", ""))
    unread = next(_unread(root, set()), "")
    if unread or not made or any(one.prefix is None for one in made):
        why = f"{entry.class_name}, which drafts, could not be read" + (f": {unread}" if unread else "")
        return Draft(entry.class_name, model_type, why=why)
    loaders = list(_loaders(reader, root, set()))
    rows = [row for one in loaders for row in (*one.rows, *one.mapper.stacked)]
    loader = replace(loader_of(reader, root) or Loader(), rows=tuple(dict.fromkeys(rows)))
    own = _has_its_own(reader, root)
    if own and isinstance(events[0], Handed):
        events = events[1:]  # handed to the model's
    return Draft(entry.class_name, model_type, events, named_in(speculative[1], model_type), loader, own)


def _loaders(reader: Reader, node: Node, seen: set[int]) -> Iterator[Loader]:
    """Yield the loaders of a module and of those in it."""
    if id(node) in seen:
        return
    seen.add(id(node))
    loader = loader_of(reader, node)
    if loader is not None:
        yield loader
    for child in node.children().values():
        for one in child.nodes if isinstance(child, Choice) else (child,):
            yield from _loaders(reader, one, seen)


def _has_its_own(reader: Reader, root: Node) -> bool:
    """Return whether a class asks for a quantisation of the draft's own when it is made."""
    method = None if root.definition is None else reader.method(root.definition, "__init__")
    return method is not None and any(
        isinstance(one, ast.Call) and ast.unparse(one.func).rpartition(".")[2] == OWN_QUANTISATION
        for one in ast.walk(method.node)
    )


def _unread(node: Node, seen: set[int]) -> Iterator[str]:
    """Yield why modules could not be read; attributes that are perhaps none (buffers, switches) do not count."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if node.unread and node.class_name != NO_MODULE:
        yield node.unread
    for child in node.children().values():
        for one in child.nodes if isinstance(child, Choice) else (child,):
            yield from _unread(one, seen)


def overridden(root: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config that vLLM makes for the draft of a config; values that are not known are left out.

    Raises:
        NotUnderstood: the tree has no such function, or it is beyond the interpreter.
    """
    file, owner = _speculative(root)
    method = next((one for one in owner.body if isinstance(one, ast.FunctionDef) and one.name == METHOD), None)
    if method is None:
        raise NotUnderstood(f"no {CLASS}.{METHOD}", WHERE.as_posix())
    interpreter = Interpreter(lambda _, dotted: _defined(root, dotted), (BUILTINS,))
    config_class = interpreter.source_class(SourceFile.parse(_CONFIG), "HfConfig")

    def held(values: Mapping[str, Any]) -> Instance:
        instance = Instance(config_class)
        instance.attributes |= {
            key: held(value) if isinstance(value, dict) and "model_type" in value else value
            for key, value in values.items()
        }
        return instance

    found = interpreter.call(Function(file, method, {}, None, None), [held(config)], {}, file.lines(method))
    if not isinstance(found, Instance):
        raise NotUnderstood(f"{METHOD}, which makes no config", WHERE.as_posix())
    return _values(found)


def _speculative(root: Path) -> tuple[SourceFile, ast.ClassDef]:
    try:
        file = SourceFile(root / WHERE, WHERE.name, read_tree(root / WHERE))
    except (OSError, UnreadableError) as error:
        raise NotUnderstood(str(error), WHERE.as_posix()) from None
    owner = file.definitions.get(CLASS)
    if not isinstance(owner, ast.ClassDef):
        raise NotUnderstood(f"no class {CLASS}", WHERE.as_posix())
    return file, owner


def _values(config: Instance) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in config.attributes.items():
        if isinstance(value, Instance):
            found[key] = _values(value)
        elif isinstance(value, (*_PLAIN, list, tuple, dict)):
            found[key] = value
    return found


def _defined(root: Path, dotted: str) -> tuple[SourceFile, str] | None:
    """Return the file of the tree that defines a name."""
    module, _, name = dotted.rpartition(".")
    path = root / (module.replace(".", "/") + ".py")
    if not module.startswith("vllm.") or not path.is_file():
        return None
    try:
        file = SourceFile(path, path.name, read_tree(path))
    except UnreadableError:
        return None
    return (file, name) if name in file.definitions else None
