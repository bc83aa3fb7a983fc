"""Where a function is being followed: its names, its object, and under which conditions it is there."""

from __future__ import annotations

from dataclasses import dataclass, field

from scaffold.ascend.trees import Module, Site
from scaffold.ascend.values import NOTHING, Function, TreeClass, Value, Values


@dataclass(eq=False)
class Frame:
    """The body of a function, or the top level of a module, while it is followed.

    Attributes:
        names: its local names.
        outer: the frame in which its function was made, for closures.
        receiver: what ``self`` or ``cls`` is.
        owner: the class in which its function is written, for ``super()``.
        layer: the class of the layer that called the custom operator which it belongs to.
        returned: what it returns.
    """

    module: Module
    names: dict[str, Values] = field(default_factory=dict)
    outer: Frame | None = None
    function: Function | None = None
    receiver: Value | None = None
    owner: TreeClass | None = None
    layer: TreeClass | None = None
    returned: set[Value] = field(default_factory=set)


@dataclass
class Context:
    """A function that was followed, or a class that was built: what it was given so far, and what it returns.

    Attributes:
        certain: whether it is called in any case, and not only under a condition.
        busy: whether it is being followed.
    """

    given: dict[str, Values]
    certain: bool = False
    busy: bool = False
    returned: Values = NOTHING


@dataclass(frozen=True)
class Step:
    """A call on the way to a kernel: what was called, and where."""

    called: str
    site: Site
    function: Function | None = field(default=None, compare=False)
    of: TreeClass | None = field(default=None, compare=False)
    """The class of the object that it was called on, or the class that was built."""


@dataclass(frozen=True)
class Reached:
    """A kernel that is called.

    Attributes:
        kind: a row of `KINDS`, or the package that brings it.
        name: what it is called.
        site: the line that calls it.
        path: the calls that lead there, from the model on; the way that was found first.
        only_if: the condition under which it is reached, as it is written, where it could not be decided; else empty.
        condition: where that is.
    """

    kind: str
    name: str
    site: Site
    path: tuple[Step, ...] = field(compare=False)
    only_if: str = ""
    condition: Site | None = None


@dataclass(frozen=True)
class Skipped:
    """A branch that the platform does not take: its condition, the lines that are left out."""

    test: str
    site: Site
    first: int
    last: int


@dataclass(frozen=True)
class NotFollowed:
    """A call of which it is not known what it calls."""

    call: str
    why: str
    site: Site


@dataclass(frozen=True)
class Replacement:
    """What stands in for something of vLLM's, and where both are."""

    what: str
    by: str
    site: Site
    by_site: Site
    how: str
    only_if: str = ""


@dataclass
class Findings:
    """What one walk found."""

    reached: dict[tuple[str, str, Site], Reached] = field(default_factory=dict)
    skipped: set[Skipped] = field(default_factory=set)
    not_followed: dict[Site, NotFollowed] = field(default_factory=dict)
    built: dict[TreeClass, Replacement] = field(default_factory=dict)
    """Layers of vLLM's in whose place another class was built."""
    backends: dict[str, Site] = field(default_factory=dict)
    """The attention backends that the platform may choose, by their full names."""
    patches_used: dict[tuple[str, str, str], None] = field(default_factory=dict)
    modules: dict[str, None] = field(default_factory=dict)
    """The modules of which something was followed."""
    functions: set[tuple[object, TreeClass | None]] = field(default_factory=set)
    """The functions that were followed, as nodes, each with the class of the object that it was called on."""
