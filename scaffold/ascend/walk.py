"""Follows a model's calls through the trees: what is built, what is called, down to the kernels. Nothing is run.

Values are sets of what a name may stand for. A condition that the platform, a default or the checkpoint's config
decides is decided; of all others both branches are followed, and what is reached in them is kept with the condition.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

from scaffold.ascend import (
    attributes,
    calls,
    classes,
    names,
)
from scaffold.ascend.frames import Context, Findings, Frame, NotFollowed, Reached, Step
from scaffold.ascend.patched import Patch, Registration
from scaffold.ascend.platform import PlatformFacts
from scaffold.ascend.tables import BACKEND_HOOKS, ENTRIES, HOOKS, LEAVES
from scaffold.ascend.trees import Module, Site, Trees
from scaffold.ascend.values import (
    NOTHING,
    EngineConfig,
    Function,
    Instance,
    TreeClass,
    Value,
    Values,
    join,
    ordered,
)

T = TypeVar("T")

PASSES = 2
"""The first pass learns which attributes objects get late; what is found counts from the second."""
DEEPEST = 70
"""How many calls deep the walk goes."""


MOST_SHOWN = 120
"""How many characters of a condition are shown."""


class Under:
    """A context in which a condition counts; none, if it is None."""

    __slots__ = ("_condition", "_conditions")

    def __init__(self, conditions: list[tuple[str, Site]], condition: tuple[str, Site] | None) -> None:
        self._conditions, self._condition = conditions, condition

    def __enter__(self) -> None:
        if self._condition is not None:
            self._conditions.append(self._condition)

    def __exit__(self, *raised: object) -> None:
        if self._condition is not None:
            self._conditions.pop()


@dataclass(eq=False)
class Walker:
    """One walk, on one platform.

    Attributes:
        layers: out-of-tree layers by the name of the class that they replace.
        patches: what replaces a name of a module or class: (module, class or empty, name) → patch.
        config: the checkpoint's config, None where none was given.
        is_quantised: whether the checkpoint is; None where that is not known.
    """

    trees: Trees
    facts: PlatformFacts
    layers: Mapping[str, Registration] = field(default_factory=dict)
    patches: Mapping[tuple[str, str, str], Patch] = field(default_factory=dict)
    config: Mapping[str, object] | None = None
    is_quantised: bool | None = None
    version: str = ""
    """The release of the vLLM tree."""
    answers: Mapping[str, Values] = field(default_factory=dict)
    """What functions of the trees give, by their full names, where that is known from elsewhere."""
    found: Findings = field(default_factory=Findings)
    attributes: dict[TreeClass, dict[str, Values]] = field(default_factory=dict)
    building: dict[TreeClass, dict[str, Values]] = field(default_factory=dict)
    contexts: dict[object, Context] = field(default_factory=dict)
    uncertain: dict[TreeClass, tuple[str, Site] | None] = field(default_factory=dict)
    """The condition under which a class is built; None where it is built in any case."""
    registered: dict[Value, None] = field(default_factory=dict)
    """The layers that register themselves for custom operators."""
    stack: list[Step] = field(default_factory=list)
    conditions: list[tuple[str, Site]] = field(default_factory=list)
    _known: dict[Hashable, object] = field(default_factory=dict)
    written: list[tuple[Value, str, Values, Frame, ast.AST, str]] | None = None
    """Attributes of modules and classes that are set, while a patch is read."""

    def model(self, module: Module, name: str) -> Findings:
        """Follow a model: its class is built, and what vLLM calls of it is called."""
        for number in range(PASSES):
            self.found = Findings(patches_used=self.found.patches_used)  # names that are cached are not looked up again
            self.contexts, self.uncertain = {}, {}
            self.stack, self.conditions = [], []
            start = Frame(module)
            cls = names.in_module(self, module, name) or NOTHING
            site = Site(module.path, 1)
            built = calls.call(self, cls, [], {"vllm_config": frozenset({EngineConfig()})}, site, start)
            for entry in ENTRIES:
                self._hook(built, entry, site, start)
            for of in list(self.uncertain):
                self._layer_hooks(of, start)
            if number == 0 and not self.attributes:
                break
        return self.found

    def _layer_hooks(self, of: TreeClass, start: Frame) -> None:
        """Call what the engine calls of a layer, and build what its attention backend builds."""
        layer: Values = frozenset({Instance(of)})
        site = Site(of.module.path, of.node.lineno)
        for attribute, method in HOOKS:
            self._hook(attributes.attribute(self, layer, attribute, start) if attribute else layer, method, site, start)
        backends = self._hook(layer, "get_attn_backend", site, start)
        builders = self._hook(backends, BACKEND_HOOKS[0], site, start)
        known = frozenset(value for value in builders if isinstance(value, TreeClass))
        self._hook(calls.call(self, known, [], {}, site, start), BACKEND_HOOKS[1], site, start)

    def _hook(self, receivers: Values, method: str, site: Site, start: Frame) -> Values:
        given = []
        for receiver in ordered(receivers):
            of = receiver.of if isinstance(receiver, Instance) else receiver
            if isinstance(of, TreeClass) and isinstance(classes.of_class(self, of, method)[0], Function):
                bound = attributes.attribute(self, frozenset({receiver}), method, start)
                given.append(calls.call(self, bound, [], {}, site, start))
        return join(given)

    def under(self, condition: tuple[str, Site] | None) -> Under:
        """Let what is met inside of the context be there under a condition only."""
        return Under(self.conditions, condition)

    def once(self, key: Hashable, make: Callable[[], T], *meanwhile: T) -> T:
        """Return what ``make`` gave for a key, which is called once; ``meanwhile`` is for those who ask within."""
        if key not in self._known:
            if meanwhile:
                (self._known[key],) = meanwhile
            self._known[key] = make()
        return cast(T, self._known[key])

    def text(self, node: ast.AST) -> str:
        """Return an expression as it is written, as far as a line shows it."""
        return self.once(("text", node), lambda: ast.unparse(node)[:MOST_SHOWN])

    def is_leaf(self, module: str) -> bool:
        """Return whether a module is one in which the walk does not go on."""
        return self.once(
            ("leaf", module), lambda: any(module == leaf or module.startswith(f"{leaf}.") for leaf in LEAVES)
        )

    def reach(self, kind: str, name: str, site: Site) -> None:
        """Note a kernel that is called; what is reached in any case outweighs what is reached under a condition."""
        only_if, where = self.conditions[-1] if self.conditions else ("", None)
        key = (kind, name, site)
        known = self.found.reached.get(key)
        if known is None or (known.only_if and not only_if):
            self.found.reached[key] = Reached(kind, name, site, tuple(self.stack), only_if, where)

    def lost(self, node: ast.AST, why: str, frame: Frame) -> None:
        """Note a call that could not be followed."""
        site = frame.module.site(node)
        if site not in self.found.not_followed:
            self.found.not_followed[site] = NotFollowed(ast.unparse(node)[:80], why, site)

    def is_deep(self) -> bool:
        """Return whether the walk is as deep as it goes."""
        return len(self.stack) >= DEEPEST
