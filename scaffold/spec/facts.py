"""How values of a spec become facts with their evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.expressions import python
from scaffold.expressions.evaluate import evaluate
from scaffold.expressions.tree import NONE, Expression, Key
from scaffold.expressions.uses import keys
from scaffold.spec.rope import RopeSpec
from scaffold.spec.values import Value


@dataclass(frozen=True)
class InTextConfig(Evidence):
    """Evidence found in the text config, which ``config.json`` may have inside of it."""

    key: str | None = field(default=None, kw_only=True)
    tree: Expression = field(default=NONE, kw_only=True)

    def placed(self, text_key: str) -> Evidence:
        """Return it as it stands in ``config.json``: a key by its path, anything else as an expression."""
        where = [text_key] if text_key else []
        if self.key is not None:
            return Evidence("config", ".".join([*where, self.key]))
        return Evidence("config", python.shown(self.tree, ".".join(["config", *where])))


def placed(fact: Fact, text_key: str) -> Fact:
    """Return a fact with its config keys as they stand in ``config.json``, where the text config may be nested."""
    return replace(
        fact, evidence=tuple(e.placed(text_key) if isinstance(e, InTextConfig) else e for e in fact.evidence)
    )


def sized(name: str, value: Value) -> Fact:
    """Return the fact of a number."""
    plain = value.expression is None
    return Fact(name, str(value.value) if plain else f"{value.value:g} = {value.code}", keys_of(value))


def source(where: str) -> Evidence:
    """Return lines of the modeling source as evidence."""
    return Evidence("source", where)


def keys_of(value: Value) -> tuple[Evidence, ...]:
    """Return the keys that a value comes from; none for a literal."""
    if value.key is None and not keys(value.tree):
        return ()
    return (InTextConfig("config", "", key=value.key, tree=value.tree),)


def rope_fact(config: Mapping[str, Any], rope: RopeSpec | None, which: str, origin: Evidence) -> Iterator[Fact]:
    """Yield what is known of a rotation; its numbers are those of the config."""
    if rope is None:
        yield Fact(f"rope{which}", "none", (origin,))
        return
    shown = f"{rope.style}, {rope.rotary_dim} of {rope.head_dim} entries"
    tree = rope.parameters
    found = evaluate(tree, config) if isinstance(tree, Key) and tree.path[0] == "rope_parameters" else None
    if isinstance(found, Mapping):
        shown += f", {found.get('rope_type') or 'default'}, theta {found.get('rope_theta'):g}"
    elif rope.layer_theta is not None:
        shown += f", theta {rope.layer_theta[1]:g}"
    yield Fact(f"rope{which}", shown, (origin, InTextConfig("config", "", tree=tree)))
