"""Keys of the config that a class asks for, does not find, and has a default in place of."""

from __future__ import annotations

from scaffold.vllm_models.reader import Reader
from scaffold.vllm_models.values import Node


def module_around(root: Node, name: str) -> Node:
    """Return the innermost module of a model file's own class on the way to a tensor's place."""
    node = around = root
    for part in name.split("."):
        child = node.children().get(part)
        if not isinstance(child, Node):
            break
        node = child
        around = node if node.definition is not None else around
    return around


def switches(reader: Reader, around: Node) -> str:
    """Say what a module's class asks the config for in vain; empty if it asks for nothing.

    What such a key would have said may be whether there is a parameter.
    """
    if around.definition is None:
        return ""
    file, body = around.definition.file, around.definition.node
    lines = range(body.lineno, (body.end_lineno or body.lineno) + 1)
    places = {file.where(body).replace(f":{body.lineno}", f":{line}") for line in lines}
    keys = [key for key, where in reader.defaulted.items() if where in places]
    return f"{around.class_name} asks the config for {', '.join(keys)}, which it does not have" if keys else ""
