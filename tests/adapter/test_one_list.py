"""The loader of a model whose layers lie in one list with embedding and head."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from scaffold.planning.plan import make_plan
from scaffold.planning.request import Request
from tests.checkpoint.made import checkpoint
from tests.lab.engine import engine
from tests.models.remote.build import CONFIG, source
from tests.reading.test_one_list import ONE_LIST, TOGETHER

HIDDEN, INNER, VOCAB = 64, 80, 96


def test_what_lies_around_the_layers_is_named_apart_from_them(tmp_path: Path) -> None:
    held = {"layers.0.words.weight": (VOCAB, HIDDEN), "layers.3.norm.weight": (HIDDEN,)}
    held["layers.3.out.weight"] = (VOCAB, HIDDEN)
    for layer in (1, 2):
        path = f"layers.{layer}."
        held |= {f"{path}self_attn.{name}_proj.weight": (HIDDEN, HIDDEN) for name in ("q", "o")}
        held |= {f"{path}self_attn.{name}_proj.weight": (HIDDEN // 2, HIDDEN) for name in ("k", "v")}
        held |= {f"{path}{name}.weight": (HIDDEN,) for name in ("input_layernorm", "post_attention_layernorm")}
        held |= {f"{path}mlp.{name}_proj.weight": (INNER, HIDDEN) for name in ("gate", "up")}
        held[f"{path}mlp.down_proj.weight"] = (HIDDEN, INNER)
    directory = checkpoint(tmp_path / "vela", {name: ("F32", shape) for name, shape in held.items()})
    (directory / "config.json").write_text(json.dumps({**CONFIG, "tie_word_embeddings": False}))
    transformers = engine().transformers
    source(directory, transformers, classes=ONE_LIST.format(made=TOGETHER, holder="layers"))
    where = {"placement": "plugin", "output": tmp_path / "plugin", "strategy": "native", "transformers": transformers}
    text = make_plan(Request(directory, engine().pristine, None, **where)).adapter  # type: ignore[arg-type]
    assert text is not None
    assert "weights = self.apart_from_layers(weights)" in text
    assert list(_apart(text, held)) == [
        "before_0.words.weight",
        "behind_0.norm.weight",
        "behind_0.out.weight",
        *(name.replace("layers.1.", "layers.0.") for name in held if name.startswith("layers.1.")),
        *(name.replace("layers.2.", "layers.1.") for name in held if name.startswith("layers.2.")),
    ]


def _apart(text: str, names: dict[str, Any]) -> Iterator[str]:
    """Yield what the adapter's own function makes of names."""
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))
    (function,) = (node for node in functions if node.name == "apart_from_layers")
    function.returns = None
    for argument in function.args.args:
        argument.annotation = None
    scope: dict[str, Any] = {}
    exec(compile(ast.Module([function], []), "adapter", "exec"), scope)
    model = SimpleNamespace(config=SimpleNamespace(num_hidden_layers=2))
    yield from (name for name, _ in scope["apart_from_layers"](model, [(name, None) for name in names]))
