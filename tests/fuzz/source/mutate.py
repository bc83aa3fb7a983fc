"""Mutations of modeling source that mostly still parse: nodes of its syntax tree put in the place of others."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from random import Random

from tests.fuzz.source.seeds import HOSTILE

NUMBERS = (0, 1, -1, 2, 3, 7, 64, 255, 10**6, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, float("inf"), None, True, "", "x")
DEEP = (190, 900, 5_000, 50_000)
WRAPS = (("(", ")"), ("[", "]"), ("-", ""), ("not ", ""), ("1 + ", ""), ("f(", ")"), ("lambda: ", ""))
EXPRESSIONS = tuple(ast.parse(text, mode="eval").body for text in HOSTILE if not text.startswith(("await", "(yield")))


def mutate(text: str, others: Sequence[str], random: Random) -> str:
    """Return a source with one or a few nodes changed; ``others`` are what nodes are taken from."""
    try:
        tree = ast.parse(text)
        donor = ast.parse(random.choice(others))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return random.choice(others)
    for _ in range(random.choice((1, 1, 2, 4))):
        random.choice(MUTATIONS)(tree, donor, random)
    try:
        changed = ast.unparse(ast.fix_missing_locations(tree))
    except (ValueError, RecursionError, AttributeError, TypeError):
        return text
    return _deepened(changed, random) if random.random() < 0.02 else changed


def _deepened(text: str, random: Random) -> str:
    """Put a deeply nested expression somewhere."""
    opening, closing = random.choice(WRAPS)
    count = random.choice(DEEP)
    lines = text.split("\n")
    at = random.randrange(len(lines))
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    lines.insert(at, f"{indent}deep = {opening * count}1{closing * count}")
    return "\n".join(lines)


def _places(tree: ast.Module, kind: type[ast.AST]) -> list[tuple[ast.AST, str, int]]:
    """Return where nodes of a kind stand: parent, field, place in its list or -1."""
    found = []
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            many = value if isinstance(value, list) else [value]
            for place, one in enumerate(many):
                if isinstance(one, kind):
                    found.append((parent, name, place if isinstance(value, list) else -1))
    return found


def _put(tree: ast.Module, kind: type[ast.AST], node: ast.AST, random: Random) -> None:
    places = _places(tree, kind)
    if not places:
        return
    parent, name, place = random.choice(places)
    if place < 0:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[place] = node


def _hostile(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    _put(tree, ast.expr, random.choice(EXPRESSIONS), random)


def _hostile_statement(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    _put(tree, ast.stmt, ast.Expr(random.choice(EXPRESSIONS)), random)


def _number(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    _put(tree, ast.Constant, ast.Constant(random.choice(NUMBERS)), random)


def _borrowed(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    kind = random.choice((ast.expr, ast.stmt))
    places = [node for node in ast.walk(donor) if isinstance(node, kind)]
    if places:
        _put(tree, kind, random.choice(places), random)


def _moved(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    _borrowed(tree, tree, random)


def _name(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    names = [node for node in ast.walk(tree) if isinstance(node, (ast.Name, ast.Attribute))]
    if not names:
        return
    words = [node.id if isinstance(node, ast.Name) else node.attr for node in names]
    one = random.choice(names)
    word = random.choice([*words, "__class__", "__dict__", "__globals__", "__init__", "__getattr__", "__call__"])
    setattr(one, "id" if isinstance(one, ast.Name) else "attr", word)


def _operator(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    node = random.choice((ast.Pow, ast.Mult, ast.LShift, ast.Mod, ast.MatMult, ast.FloorDiv, ast.Add))()
    _put(tree, ast.operator, node, random)


def _gone(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    _put(tree, ast.stmt, ast.Pass(), random)


MUTATIONS = (_hostile, _hostile, _hostile_statement, _number, _borrowed, _borrowed, _moved, _name, _operator, _gone)
