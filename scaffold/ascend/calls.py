"""What a call leads to: a function that is followed, a class that is built, a kernel, or something outside."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from scaffold.ascend import expressions, names, outside, statements
from scaffold.ascend.frames import Context, Frame, NotFollowed, Replacement, Step
from scaffold.ascend.tables import (
    ASCEND_NAMESPACES,
    ASCEND_OPERATOR,
    CONFIG_GETTERS,
    JIT_PACKAGES,
    MODULE_METHODS,
    OPERATOR,
    OWN_NAMESPACES,
    TORCH_NAMESPACES,
)
from scaffold.ascend.trees import Site
from scaffold.ascend.values import (
    NONE,
    NOTHING,
    UNKNOWN,
    Bound,
    Const,
    Elements,
    EngineConfig,
    External,
    Function,
    Instance,
    Platform,
    Row,
    Super,
    Table,
    TorchOperator,
    TreeClass,
    TritonKernel,
    Unknown,
    Value,
    Values,
    constant,
    join,
    ordered,
)

if TYPE_CHECKING:
    from scaffold.ascend.walk import Walker

MOST_CONSTANTS = 4
"""How many constants an argument may have before only "unknown" is left of it."""
VERSION_TEST = "vllm_version_is"
"""How vllm-ascend asks which vLLM it runs with (vllm_ascend/utils.py)."""
RESOLVER = "vllm.utils.import_utils.resolve_obj_by_qualname"
CHOOSES_BACKEND = "get_attn_backend_cls"
"""The platform's method that names the class of the attention backend."""
CUSTOM_OP = ("CustomOp", "PluggableLayer")
"""The classes whose subclasses ``register_oot`` replaces (vllm/model_executor/custom_op.py)."""

Arguments = dict[str, Values]


def of_node(walker: Walker, node: ast.Call, frame: Frame) -> Values:
    """Follow a call as it is written."""
    site = frame.module.site(node)
    if isinstance(node.func, ast.Subscript):
        launched = _launch(walker, node, frame, site)
        if launched:
            _arguments(walker, node, frame)
            return UNKNOWN
    if isinstance(node.func, ast.Name) and node.func.id == "super" and frame.owner is not None:
        return frozenset({Super(frame.receiver or Unknown(), frame.owner)})
    if isinstance(node.func, ast.Attribute):
        receivers = expressions.evaluate(walker, node.func.value, frame)
        done = outside.method(walker, node, receivers, frame)
        if done is not None:
            return done
        callee = expressions.attribute_of(walker, node.func, receivers, frame)
    else:
        callee = expressions.evaluate(walker, node.func, frame)
    given, named, spread = _arguments(walker, node, frame)
    far = [value for value in ordered(callee) if isinstance(value, External)]
    near = callee.difference(far)
    found = outside.function(walker, node, far, given, named, frame) if far else NOTHING
    if not near:
        return found or UNKNOWN
    _tell_lost(walker, node, near, frame)
    return found | call(walker, near, given, named, site, frame, spread)


def _launch(walker: Walker, node: ast.Call, frame: Frame, site: Site) -> bool:
    """Note ``kernel[grid](…)``; return whether it is one."""
    assert isinstance(node.func, ast.Subscript)
    found = expressions.evaluate(walker, node.func.value, frame)
    kernels = [value for value in ordered(found) if isinstance(value, TritonKernel)]
    for kernel in kernels:
        walker.reach(JIT_PACKAGES[kernel.package], kernel.function.name, site)
    return bool(kernels)


def _arguments(walker: Walker, node: ast.Call, frame: Frame) -> tuple[list[Values], Arguments, bool]:
    given = [expressions.evaluate(walker, argument, frame) for argument in node.args]
    named = {item.arg: expressions.evaluate(walker, item.value, frame) for item in node.keywords if item.arg}
    spread = any(isinstance(argument, ast.Starred) for argument in node.args)
    for item in node.keywords:
        if item.arg is None:
            known = _named(expressions.evaluate(walker, item.value, frame))
            named |= known or {}
            spread = spread or known is None
    return given, named, spread


def _named(values: Values) -> Arguments | None:
    """Return the keywords that ``**`` spreads; None if they are not known."""
    only = next(iter(values)) if len(values) == 1 else None
    if not isinstance(only, Table):
        return None
    return {str(key.value): held for key, held in only.items if isinstance(key, Const)}


def _tell_lost(walker: Walker, node: ast.Call, callee: Values, frame: Frame) -> None:
    """Note a call of something that is stored or given, and of which nothing is known."""
    if any(not isinstance(value, Unknown) for value in callee) and not any(
        isinstance(value, Unknown) and value.why.startswith("the ") for value in callee
    ):
        return
    why = next((value.why for value in callee if isinstance(value, Unknown) and value.why.startswith("the ")), "")
    if why:
        walker.lost(node.func, why, frame)
    elif isinstance(node.func, ast.Name) and node.func.id in frame.names:
        walker.lost(node.func, "a function that is given or chosen at run time", frame)
    elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        own = node.func.value.id == "self" and isinstance(frame.receiver, Instance)
        if own and node.func.attr not in MODULE_METHODS:
            assert isinstance(frame.receiver, Instance)
            walker.lost(node.func, f"an attribute that {frame.receiver.of.name} is given at run time", frame)


def call(
    walker: Walker,
    callee: Values,
    given: list[Values],
    named: Arguments,
    site: Site,
    frame: Frame,
    spread: bool = False,
) -> Values:
    """Follow a call of any of these values; return what it may give."""
    several = sum(isinstance(value, Function | Bound | TreeClass) for value in callee) > 1
    found = []
    for value in ordered(callee):
        functions = isinstance(value, Function | Bound) and several
        with walker.under(("one of several functions", site) if functions else None):
            found.append(_call(walker, value, given, named, site, frame, spread))
    return join(found) or UNKNOWN


def _call(
    walker: Walker, value: Value, given: list[Values], named: Arguments, site: Site, frame: Frame, spread: bool
) -> Values:
    if isinstance(value, Bound):
        return invoke(walker, value.function, value.receiver, given, named, site, frame, spread)
    if isinstance(value, Function):
        receiver = None
        first = next(iter(given[0])) if given and len(given[0]) == 1 else None
        if value.owner is not None and isinstance(first, Instance | TreeClass) and _takes_self(value):
            return invoke(walker, value, first, given[1:], named, site, frame, spread)
        return invoke(walker, value, receiver, given, named, site, frame, spread)
    if isinstance(value, TreeClass):
        return build(walker, value, given, named, site, frame, spread)
    if isinstance(value, Instance):
        for name in ("__call__", "forward"):
            method, _ = names.of_class(walker, value.of, name)
            if isinstance(method, Function):
                bound = names.attribute(walker, frozenset({value}), name, frame)
                return call(walker, bound, given, named, site, frame, spread)
        return UNKNOWN
    if isinstance(value, TorchOperator):
        return _operator(walker, value, given, named, site, frame)
    if isinstance(value, Platform) and value.name:
        return _platform(walker, value.name, given, named, site, frame)
    return UNKNOWN


def _takes_self(function: Function) -> bool:
    arguments = function.node.args.args
    return bool(arguments) and arguments[0].arg in ("self", "cls", "ctx")


def _operator(
    walker: Walker, value: TorchOperator, given: list[Values], named: Arguments, site: Site, frame: Frame
) -> Values:
    if value.namespace in ASCEND_NAMESPACES:
        walker.reach(ASCEND_OPERATOR, f"{value.namespace}.{value.name}", site)
    elif value.namespace not in (*OWN_NAMESPACES, *TORCH_NAMESPACES):
        walker.reach(OPERATOR, f"{value.namespace}.{value.name}", site)
    if value.namespace not in OWN_NAMESPACES:
        return UNKNOWN
    layer = frame.receiver.of if isinstance(frame.receiver, Instance) else frame.layer
    for module in walker.trees.operator_modules(value.name):
        function = _registered(walker, module, value.name)
        if function is not None:
            return invoke(walker, function, None, given, named, site, frame, layer=layer)
    walker.found.not_followed.setdefault(
        site, NotFollowed(f"torch.ops.{value.namespace}.{value.name}", "no module of the trees registers it", site)
    )
    return UNKNOWN


def _registered(walker: Walker, module: str, name: str) -> Function | None:
    """Return the function that a module registers as an operator."""
    parsed = walker.trees.module(module)
    for node in ast.walk(parsed.head) if parsed is not None else ():
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("direct_register_custom_op"):
            by_name = {item.arg: item.value for item in node.keywords}
            held = [*node.args, *(by_name[key] for key in ("op_name", "op_func") if key in by_name)]
            if len(held) >= 2 and isinstance(held[0], ast.Constant) and held[0].value == name:
                assert parsed is not None
                found = expressions.evaluate(walker, held[1], Frame(parsed))
                return next((value for value in found if isinstance(value, Function)), None)
    return None


def _platform(walker: Walker, name: str, given: list[Values], named: Arguments, site: Site, frame: Frame) -> Values:
    if name in walker.facts.answers:
        answer = walker.facts.answers[name]
        return UNKNOWN if answer is None else constant(answer)
    module, cls = walker.facts.implementation
    for value in names.member(walker, module, cls) if module and walker.trees.has(module) else NOTHING:
        if isinstance(value, TreeClass):
            found = names.attribute(walker, frozenset({value}), name, frame)
            given_back = call(walker, found, given, named, site, frame)
            if name == CHOOSES_BACKEND:
                method = next((v.function for v in found if isinstance(v, Bound)), None)
                at = site if method is None else method.module.site(method.node)
                chosen = [v.value for v in given_back if isinstance(v, Const)]
                walker.found.backends |= {text: at for text in chosen if isinstance(text, str)}
            return given_back
    return UNKNOWN


def build(
    walker: Walker,
    cls: TreeClass,
    given: list[Values],
    named: Arguments,
    site: Site,
    frame: Frame,
    spread: bool = False,
) -> Values:
    """Follow the making of an object; where an out-of-tree layer takes the class's place, of that layer."""
    found = []
    for chosen, condition in _chosen(walker, cls, site):
        with walker.under(condition):
            found.append(_build(walker, chosen, given, named, site, frame, spread))
    return join(found)


def _chosen(walker: Walker, cls: TreeClass, site: Site) -> list[tuple[TreeClass, tuple[str, Site] | None]]:
    registration = walker.layers.get(cls.name)
    if registration is None or registration.cls is cls or not names.is_a(walker, cls, *CUSTOM_OP):
        return [(cls, None)]
    own, other = cls.module.site(cls.node), registration.cls.module.site(registration.cls.node)
    walker.found.built[cls] = Replacement(
        cls.name, registration.cls.name, own, other, "out-of-tree layer", registration.only_if
    )
    if registration.only_if:
        condition = (registration.only_if, registration.site)
        return [(registration.cls, condition), (cls, (f"not: {registration.only_if}", registration.site))]
    return [(registration.cls, None)]


def _build(
    walker: Walker, cls: TreeClass, given: list[Values], named: Arguments, site: Site, frame: Frame, spread: bool
) -> Values:
    made: Values = frozenset({Instance(cls)})
    key = ("build", cls)
    context = walker.contexts.setdefault(key, Context({}))
    grown = _widen(context.given, {str(n): v for n, v in enumerate(given)} | named)
    certain = not walker.conditions
    if context.busy or (not grown and (context.certain or not certain) and context.returned):
        return made
    context.busy, context.returned, context.certain = True, made, context.certain or certain
    walker.uncertain[cls] = None if context.certain else walker.conditions[-1]
    before = walker.building.get(cls)
    walker.building[cls] = {}
    initialise, _ = names.of_class(walker, cls, "__init__")
    if isinstance(initialise, Function):
        invoke(walker, initialise, Instance(cls), given, named, site, frame, spread)
    else:
        _fill(walker, cls, given, named)
    after, _ = names.of_class(walker, cls, "__post_init__")
    if isinstance(after, Function):
        invoke(walker, after, Instance(cls), [], {}, site, frame)
    held = walker.attributes.setdefault(cls, {})
    for name, values in walker.building.pop(cls).items():
        held[name] = held.get(name, NOTHING) | values
    if before is not None:
        walker.building[cls] = before
    context.busy = False
    return made


def _fill(walker: Walker, cls: TreeClass, given: list[Values], named: Arguments) -> None:
    """Give the fields of a dataclass or named tuple their values."""
    for number, (name, (default, module)) in enumerate(names.fields(walker, cls).items()):
        if name in named:
            value = named[name]
        elif number < len(given):
            value = given[number]
        else:
            value = UNKNOWN if default is None else expressions.evaluate(walker, default, Frame(module))
        walker.building[cls][name] = value


def invoke(
    walker: Walker,
    function: Function,
    receiver: Value | None,
    given: list[Values],
    named: Arguments,
    site: Site,
    frame: Frame,
    spread: bool = False,
    layer: TreeClass | None = None,
) -> Values:
    """Follow a function with these arguments; return what it may return."""
    module = function.module
    known = _known(walker, function, given)
    if known is not None:
        return known
    if layer is None and module.asks_for_layers and not isinstance(receiver, Instance):
        layer = frame.layer or (frame.receiver.of if isinstance(frame.receiver, Instance) else None)
    _providers(walker, function, given, named, site, frame)
    arguments = _bind(walker, function, receiver, given, named, spread)
    key = (function.node, function.outer, receiver, layer)
    context = walker.contexts.setdefault(key, Context({}))
    grown = _widen(context.given, arguments)
    in_building = isinstance(receiver, Instance) and receiver.of in walker.building
    condition = _of_class(walker, receiver, frame)
    with walker.under(condition):
        certain = not walker.conditions
        done = not grown and context.returned and (context.certain or not certain) and not in_building
        if context.busy or done or walker.is_deep():
            return context.returned or UNKNOWN
        context.busy, context.certain = True, context.certain or certain
        inner = Frame(
            module, dict(context.given), function.outer, function, receiver or _outer_receiver(function), None, layer
        )
        inner.owner = function.owner or (function.outer.owner if function.outer is not None else None)
        of = receiver.of if isinstance(receiver, Instance) else receiver if isinstance(receiver, TreeClass) else None
        shown = function.name if of is None or function.owner is of else f"{of.name} ({function.name})"
        walker.stack.append(Step(shown, site, function, of))
        walker.found.functions.add((function.node, of))
        walker.found.modules[module.name] = None
        if isinstance(function.node, ast.Lambda):
            inner.returned |= expressions.evaluate(walker, function.node.body, inner)
        elif not statements.run(walker, function.node.body, inner):
            inner.returned |= NONE if not inner.returned else NOTHING
        walker.stack.pop()
        context.busy = False
        context.returned |= frozenset(inner.returned)
    return context.returned or UNKNOWN


def _providers(
    walker: Walker, function: Function, given: list[Values], named: Arguments, site: Site, frame: Frame
) -> None:
    """Follow what vLLM has in the place of an operator of its own, where the platform does not keep to PyTorch.

    `Platform.get_default_ir_op_priority` (vllm/platforms/interface.py) puts the PyTorch code first, CUDA's last.
    """
    if walker.facts.replaces or not function.module.name.startswith("vllm.ir.ops"):
        return
    for module, name in walker.trees.providers(function.name):
        for value in names.member(walker, module, name):
            if isinstance(value, Function):
                invoke(walker, value, None, given, named, site, frame)


def _outer_receiver(function: Function) -> Value | None:
    return function.outer.receiver if function.outer is not None else None


def _of_class(walker: Walker, receiver: Value | None, frame: Frame) -> tuple[str, Site] | None:
    """Return the condition under which the object is there, if it is another one than that of the caller."""
    if isinstance(receiver, Instance) and receiver != frame.receiver:
        return walker.uncertain.get(receiver.of)
    return None


def _known(walker: Walker, function: Function, given: list[Values]) -> Values | None:
    """Return what a function gives that is not followed."""
    module = function.module.name
    full = f"{module}.{function.name}"
    strings = [v.value for v in (given[0] if given else NOTHING) if isinstance(v, Const) and isinstance(v.value, str)]
    if full in walker.answers:
        return walker.answers[full]
    if function.name == VERSION_TEST and strings and walker.version:
        return constant(strings == [walker.version])
    if full == RESOLVER:
        return join(names.member(walker, *text.rsplit(".", 1)) for text in strings if "." in text) or UNKNOWN
    if function.name in CONFIG_GETTERS:
        return frozenset({EngineConfig()})
    return UNKNOWN if walker.is_leaf(module) else None


def _bind(
    walker: Walker,
    function: Function,
    receiver: Value | None,
    given: list[Values],
    named: Arguments,
    spread: bool,
) -> Arguments:
    arguments = function.node.args
    plain = [*arguments.posonlyargs, *arguments.args]
    bound: Arguments = {}
    if receiver is not None and plain:
        bound[plain[0].arg] = frozenset({receiver})
        plain = plain[1:]
    for argument, values in zip(plain, given):
        bound[argument.arg] = values
    if arguments.vararg is not None:
        bound[arguments.vararg.arg] = frozenset({Elements(join(given[len(plain) :]))})
    taken = {argument.arg for argument in (*plain, *arguments.kwonlyargs)}
    bound |= {name: values for name, values in named.items() if name in taken}
    if arguments.kwarg is not None:
        rest = tuple((Const(name, "str"), values) for name, values in named.items() if name not in taken)
        bound[arguments.kwarg.arg] = frozenset({Table(rest)}) if not spread else UNKNOWN
    defaults = dict(zip([argument.arg for argument in plain][::-1], arguments.defaults[::-1]))
    defaults |= {a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults) if d is not None}
    home = function.outer or Frame(function.module)
    for name in taken - set(bound):
        default = defaults.get(name)
        found = UNKNOWN if default is None or spread else expressions.evaluate(walker, default, home)
        bound[name] = found
    return bound


def _widen(known: Arguments, given: Arguments) -> bool:
    """Add what arguments may be; return whether that is more than was known."""
    grown = False
    for name, values in given.items():
        both = known.get(name, NOTHING) | values
        constants = [value for value in both if isinstance(value, Const | Row)]
        if len(constants) > MOST_CONSTANTS:
            both = frozenset(value for value in both if not isinstance(value, Const | Row)) | UNKNOWN
        if both != known.get(name):
            known[name] = both
            grown = True
    return grown
