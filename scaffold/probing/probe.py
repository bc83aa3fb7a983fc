"""One run of the modeling source at small sizes: the values that flowed, and where."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from scaffold.probing.made import Made, Outer, make
from scaffold.probing.sizes import probe_value, shrink
from scaffold.source.interpreter import Interpreter
from scaffold.source.locate import ModelingSource
from scaffold.source.python.errors import NotUnderstood, OfNone
from scaffold.source.torch.alike import StandIns
from scaffold.source.torch.events import Event
from scaffold.source.torch.layers import ModuleList
from scaffold.source.torch.module import Module
from scaffold.source.torch.tensors import Tensor
from scaffold.source.torch.torch_ops import NoTensor
from scaffold.source.transformers.decided import At
from scaffold.spec.listed import Listed
from scaffold.vocabulary.lookup import key_of, replaced

NUM_TOKENS = 11
"""Longer than the probe's sliding window, and a prime, so that no other size equals it."""
MASK = "attention_mask"
PADDING = "padding"
"""A mask ``[1, tokens]`` that says of each token that it is none that fills up: of what a server is given all is so."""


@dataclass(frozen=True)
class Probe(Made):
    """A probe that ran: what was made, and the events of the run."""

    root: Event
    sizes: int = 0
    """Which sizes it has: the number of the probe, by which ``shrink`` has them."""
    literals_first: bool = True
    """Whether a round number is a literal sooner than an expression of two config keys."""
    saved: frozenset[str] = frozenset()
    """Names of the tensors that the model saved before it ran."""
    given_mask: bool = False
    """Whether the model was given a mask, which it computes with and does not make."""
    switches: dict[tuple[str, int], dict[str, Module]] = field(default_factory=dict, compare=False)
    """Modules as they are made with a switch the other way round, by its key and the layers; probes may share them."""
    round_numbers: set[float] = field(default_factory=set, compare=False)
    """Numbers met so far that may be literals: without any, ``literals_first`` makes no difference."""

    @cached_property
    def paths(self) -> dict[int, str]:
        """Dotted path of each module by its id, as `Listed` names what lies in one list with the layers."""
        named = self.listed.renamed if self.listed is not None else str
        return {id(module): named(path) for path, module in self.model.modules()}

    @cached_property
    def listed(self) -> Listed | None:
        """The list that holds the layers, where it holds other modules, too: as many of one class as there are layers.

        All that is in it is called, each once, in its order.
        """
        count = self.num_layers()
        order: dict[int, int] = {}
        for event in self.root.walk():
            order.setdefault(id(event.module), len(order))
        for path, one in self.model.modules():
            if not isinstance(one.builtin or one, ModuleList):
                continue
            inside = [module for _, module in one.children()]
            kinds = [module.kind for module in inside]
            first = next((i for i in range(len(kinds)) if kinds[i : i + count] == [kinds[i]] * count), 0)
            places = [order.get(id(module), -1) for module in inside]
            others = [*kinds[:first], *kinds[first + count :]]
            in_turn = -1 not in places and places == sorted(places)
            if 1 < count < len(inside) and in_turn and kinds[first] not in others:
                return None if _holds_layer(inside[first + count :], kinds[first]) else Listed(path, first, count)
        return None

    def path(self, module: Module | None) -> str:
        """Return the dotted path of a module, empty if it is not one of the model's."""
        return self.paths.get(id(module), "")

    def runs(self) -> list[list[Event]]:
        """Return the calls of decoder layers, the modules of a list in their order; once more for each further run.

        All layers run again behind the last one, or each before the next one does. Behind them the list may hold layers
        for further tokens, of another class; that no logits are computed with what these return is seen where the
        logits are read.
        """
        found: dict[str, list[Event]] = {}
        for event in self.root.walk():
            parent, _, name = self.path(event.module).rpartition(".")
            if name.isdigit():
                found.setdefault(parent, []).append(event)
        count = self.num_layers()
        if self.listed is not None:
            found = {parent: events for parent, events in found.items() if parent == self.listed.path}
        once = next((events for events in found.values() if len(events) == count), None)
        if once is not None:
            return [once]
        for events in found.values():
            runs = [events[i : i + count] for i in range(0, len(events), count)] if count else []
            order = [[id(event.module) for event in run] for run in runs]
            if runs and len(set(order[0])) == count and all(one == order[0] for one in order):
                return runs
            times, rest = divmod(len(events), count) if count else (0, 0)
            of_each = [events[i : i + times] for i in range(0, len(events), times)] if times > 1 and not rest else []
            modules = [{id(event.module) for event in calls} for calls in of_each]
            if of_each and all(len(one) == 1 for one in modules) and len(set.union(*modules)) == count:
                return [list(run) for run in zip(*of_each)]
        return [events[:count] for events in found.values() if _more_behind(events, count)][:1]

    def passed_over(self) -> list[Module]:
        """Return the modules of the list of layers that a text is not led through, where it is through others."""
        called = {id(event.module) for event in self.root.walk()}
        for one in self.layer_lists():
            inside = [module for _, module in one.children()]
            left = [module for module in inside if id(module) not in called]
            if left and len(left) < len(inside):
                return left
        return []

    def probe_value(self, role: str) -> int:
        """Return a size as the probe has it."""
        return int(probe_value(role, self.sizes))

    def size_of(self, role: str) -> int:
        """Return a size as the model of the probe has it: what its config class makes of what the probe says."""
        key = self.key(role)
        made = None if key is None else self.small.attributes.get(key)
        return int(made) if isinstance(made, int) and made is not True else self.probe_value(role)

    def key(self, role: str) -> str | None:
        """Return the config key of a size or switch; None if it lies in an object of the config: see ``explain``."""
        key = key_of(role, self.completed)
        return key if key in self.completed else None

    def switched(self, key: str, path: str) -> Module | None:
        """Return a module as it is made with a switch of the config the other way round; None if it is not made.

        Its sizes may be those of another probe. Nothing is run, and of the layers only those up to the module's own
        are made, if the source makes it so, too.
        """
        number = next((int(part) for part in path.split(".") if part.isdigit()), self.num_layers() - 1)
        for layers in (number + 1, self.num_layers()):
            if (key, layers) not in self.switches:
                self.switches[key, layers] = self._made_with(key, layers)
            if path in self.switches[key, layers]:
                return self.switches[key, layers][path]
        return None

    def with_stated_factors(self) -> tuple[Interpreter, Module]:
        """Return the model at the probe's sizes with all other numbers as the checkpoint states them: its thresholds.

        Raises:
            NotUnderstood: it cannot be made.
        """
        stated = {key: value for key, value in self.completed.items() if isinstance(value, float)}
        values = {**shrink(self.completed, self.sizes), **stated}
        with np.errstate(all="ignore"):
            return self.remade(values, self.sizes)

    def _made_with(self, key: str, layers: int) -> dict[str, Module]:
        """Return the modules of the model with a switch the other way round, and so many layers, by their paths."""
        values = {**shrink(self.completed, self.sizes), key: not self.completed[key]}
        count = key_of("num_layers", values)
        if count is not None and layers < self.num_layers():
            values = replaced(values, {count: layers})
        try:
            return dict(self.remade(values)[1].modules())
        except NotUnderstood:
            return {}


def run(
    source: ModelingSource,
    config: Mapping[str, Any],
    sizes: int = 0,
    outer: Outer | None = None,
    check: Callable[[Probe, Event], object] | None = None,
    mask: str | None = None,
    *,
    as_stated: Collection[At] = (),
) -> Probe:
    """Run the source's model on a few tokens, at the sizes of a probe and with all its layers.

    Args:
        source: where the class is.
        config: the checkpoint's text config.
        sizes: the number of the probe: 0 and 1 are the usual pair; see ``sizes.TABLES``.
        outer: the config around the text config, which the model is then made of if its config class has such a part.
        check: is given the probe so far and the first layer that no other can stand in for, where there is one: a
            model of which that layer is not understood is not run to its end.
        mask: the argument that is given which positions each token sees, ``[1, 1, tokens, tokens]``: those up to its
            own, as a server has it. None: the model makes its mask, unless it computes with one that it was not given.
            ``PADDING``: it makes its mask, but asks which tokens fill up.
        as_stated: places where choices by sizes come out as the checkpoint's own sizes decide them.

    Raises:
        NotUnderstood: the source does something that the interpreter does not, or ``check`` raises it.
    """
    made = make(source, config, sizes, outer, as_stated)
    saved = frozenset(name for name, _ in made.model.saved_tensors())
    interpreter = made.interpreter
    with np.errstate(all="ignore"):
        interpreter.decisions.tokens = NUM_TOKENS
        tokens = Tensor(interpreter.rng.integers(3, 100, (1, NUM_TOKENS)))

        def first(event: Event) -> None:
            if check is not None:
                check(Probe(**vars(made), root=interpreter.watched[0], sizes=sizes), event)

        layers = [module for one in made.layer_lists() for _, module in one.children()]
        interpreter.recorder.stand_ins = StandIns(layers, first)
        given: dict[str, Any] = {"input_ids": tokens, "use_cache": False}
        if mask == PADDING:
            given[MASK] = Tensor(np.ones((1, NUM_TOKENS), dtype=np.int64))
        elif mask is not None:
            given[mask] = Tensor(np.tri(NUM_TOKENS, dtype=bool)[None, None])
        try:
            interpreter.call(made.model, [], given, source.file.shown)
        except NoTensor:
            if mask is None and made.takes(MASK):
                return run(source, config, sizes, outer, check, MASK, as_stated=as_stated)
            raise
        except OfNone:
            if mask is None and made.takes(MASK):
                return run(source, config, sizes, outer, check, PADDING, as_stated=as_stated)
            raise
        except (ValueError, TypeError, IndexError, KeyError, RecursionError) as error:
            raise NotUnderstood(f"{type(error).__name__}: {error}", source.file.shown) from error
    return Probe(**vars(made), root=interpreter.watched[0], sizes=sizes, saved=saved, given_mask=mask == MASK)


def _holds_layer(modules: list[Module], kind: str) -> bool:
    """Return whether modules have an attention, or a whole layer, in them: they are layers for further tokens."""
    inside = {one.kind for module in modules for _, one in module.modules()}
    return kind in inside or any("attention" in one.lower() for one in inside)


def _more_behind(events: list[Event], count: int) -> bool:
    """Return whether the first calls are those of so many layers of a class, and the others of other classes."""
    modules = [event.module for event in events]
    kinds = [module.kind if module is not None else "" for module in modules]
    is_once = len({id(module) for module in modules}) == len(modules)
    return 0 < count < len(events) and is_once and len(set(kinds[:count])) == 1 and kinds[0] not in kinds[count:]
