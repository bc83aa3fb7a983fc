"""What docs/weights.md shows works as shown."""

from __future__ import annotations

import re
from pathlib import Path

from scaffold import testing
from scaffold.testing import mutations, properties, strategies
from scaffold.weights import Scope, WeightMap
from tests.models.build import CONFIG

PAGE = (Path(__file__).parents[2] / "docs" / "weights.md").read_text()


def test_the_example_of_own_rules_runs() -> None:
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def weight_map" in block)
    names: dict[str, object] = {}
    exec(code, names)
    weight_map = names["weight_map"](CONFIG)  # type: ignore[operator]
    assert isinstance(weight_map, WeightMap)
    assert len(weight_map.routes("model.layers.2.self_attn.k_proj.weight")) == 1


def test_what_the_page_names_is_there() -> None:
    assert testing.__doc__
    for module in (strategies, properties):
        for line in PAGE.splitlines():
            if line.startswith(f"| `{module.__name__.rpartition('.')[2]}."):
                for name in re.findall(r"`([\w.]+)`", line):
                    assert hasattr(module, name.rpartition(".")[2]), name
    assert mutations.MUTATIONS
    methods = PAGE[PAGE.index("| method | for |") :].split("\n\n")[0]
    for name in re.findall(r"`([a-z_]+)`", re.sub(r"\| [^|]*\|$", "", methods, flags=re.MULTILINE)):
        assert hasattr(Scope, name), name
