"""A part of names that is called otherwise: told where it is the only one, and nowhere else."""

from __future__ import annotations

from scaffold.weights.near import renamed_part
from tests.rows import each

Shapes = dict[str, tuple[int, ...]]
MLP: Shapes = {"gate_proj": (8, 4), "up_proj": (8, 4), "down_proj": (4, 8)}


def layers(names: Shapes) -> Shapes:
    return {f"model.layers.{n}.{name}.weight": shape for n in (0, 1) for name, shape in names.items()}


@each(
    ("found", "lacking", "part"),
    [
        ({"attn.q": (4, 4), "attn.k": (4, 4)}, {"self_attn.q": (4, 4), "self_attn.k": (4, 4)}, ("attn", "self_attn")),
        ({f"ffn.{name}": s for name, s in MLP.items()}, {f"mlp.{name}": s for name, s in MLP.items()}, ("ffn", "mlp")),
        ({"mlp.w1": (8, 4)}, {"mlp.gate_proj": (8, 4), "mlp.up_proj": (8, 4)}, None),  # either may be meant
        ({"mlp.w2": (4, 8)}, {"mlp.gate_proj": (8, 4), "mlp.down_proj": (4, 8)}, ("w2", "down_proj")),
        ({"attn.q": (4, 4), "attn.extra": (4,)}, {"self_attn.q": (4, 4)}, None),  # not all that have it
        ({"mlp.w2": (4, 8)}, {"mlp.down_proj": (5, 8)}, None),
        ({"mlp.w2": (4, 8)}, {"feed.down_proj": (4, 8)}, None),  # two parts
    ],
)
def test_the_one_part_that_differs(found: Shapes, lacking: Shapes, part: tuple[str, str] | None) -> None:
    assert renamed_part(layers(found), dict(layers(lacking))) == part


def test_numbers_stay_what_they_are() -> None:
    assert renamed_part({"model.layers.2.norm.weight": (4,)}, {"model.layers.1.norm.weight": (4,)}) is None
