"""Choices that both probes' sizes decide otherwise than the checkpoint's are a hole, unless nothing depends on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.carried.test_carried_over import holes_of
from tests.mixers.test_examples import read
from tests.models.odd_blocks import Odd, write_odd
from tests.sampled import sampled

OTHER = "attended = attended.tanh()"
SIZES = "which is another one for a probe"
LENGTH = "a choice by the number of tokens"
TABLE = "table = torch.cos(torch.arange(self.heads) / self.heads)\n"
HOLES = {
    "a table that may be empty": (f"{TABLE}if table[0] == 0:\n    {OTHER}", SIZES),
    "tables that may be empty": (
        f"{TABLE}other = attended\nif table[0] == 0:\n    other = attended.tanh()\n"
        "if table[1] < 0:\n    attended = attended\nattended = other",
        SIZES,
    ),
    "heads times entries": (f"if self.heads * self.head_dim > 200:\n    {OTHER}", SIZES),
    "heads that share a key": (f"if self.heads // self.kv_heads > 3:\n    {OTHER}", SIZES),
    "the width of what is given": (f"if hidden_states.shape[-1] > 200:\n    {OTHER}", SIZES),
    "the very width": (f"if hidden_states.shape[-1] == 128:\n    {OTHER}", SIZES),
    "a width that is no four heads": (f"if hidden_states.shape[-1] // self.head_dim != 4:\n    {OTHER}", SIZES),
    "the width by size()": (f"if hidden_states.size(-1) > 200:\n    {OTHER}", SIZES),
    "the width by unpacking": (f"_, _, width = hidden_states.shape\nif width > 200:\n    {OTHER}", SIZES),
    "words that are known": (f"if self.config.vocab_size > 300:\n    {OTHER}", SIZES),
    "a limit that has a name": (f"limit = 200\nif self.config.hidden_size > limit:\n    {OTHER}", SIZES),
    "a logarithm of the width": (f"import math\nif math.log2(hidden_states.shape[-1]) > 8:\n    {OTHER}", SIZES),
    "a root of the width": (f"if int(hidden_states.shape[-1] ** 0.5) > 13:\n    {OTHER}", SIZES),
    "a share that is none": (f"if self.heads // 8:\n    {OTHER}", SIZES),
    "a share that is not none": (f"if not self.heads // 8:\n    {OTHER}", SIZES),
    "a table of sizes": ("attended = attended * {12: 1.5, 16: 1.5}.get(self.heads, 2.5)", SIZES),
    "sizes that are named": (f"if self.heads in (12, 16):\n    {OTHER}", SIZES),
    "a sum of sizes": (f"if sum([self.heads, self.kv_heads]) > 10:\n    {OTHER}", SIZES),
    "a chain of limits": (f"if 200 < self.heads * self.head_dim < 1000:\n    {OTHER}", SIZES),
    "rows of a weight": (f"if len(self.o_proj.weight) > 200:\n    {OTHER}", SIZES),
    "entries of a weight": (f"if self.o_proj.weight.numel() > 30000:\n    {OTHER}", SIZES),
    "a loop that is not entered": (f"for _ in range(min(1, self.heads // 8)):\n    {OTHER}", SIZES),
    "as long as there are many": (f"many = self.heads\nwhile many > 8:\n    {OTHER}\n    many = 1", SIZES),
    "an item by a comparison": ("attended = attended * (1.5, 2.5)[self.heads > 8]", SIZES),
    "the lesser of two factors": ("attended = attended * min(1.5, self.heads / 6)", SIZES),
    "the largest of a list": ("attended = attended * max([1.5, 8 / self.heads])", SIZES),
    "half of a text": (f"if hidden_states.shape[1] / 2 > 15:\n    {OTHER}", LENGTH),
    "some of the heads": (
        "parts = attended.unflatten(-1, (self.heads, -1))\n"
        "attended = torch.cat((parts[:, :, :20], parts[:, :, 20:] * 1.5), dim=2).flatten(-2)",
        SIZES,
    ),
    "a quotient with its rest": (f"if divmod(self.heads, 8)[0]:\n    {OTHER}", SIZES),
    "a distance of sizes": (f"if abs(self.heads - 4) > 2:\n    {OTHER}", SIZES),
    "entries that a layer takes": (f"if self.o_proj.in_features > 200:\n    {OTHER}", SIZES),
    "a share of the longest text": (
        "attended = attended * min(1.0, 256 / self.config.max_position_embeddings)",
        SIZES,
    ),
    "a factor of late heads": (
        "late = torch.arange(self.heads) > 20\n"
        "attended = attended.unflatten(-1, (self.heads, -1)) * torch.where(late, 1.5, 1.0)[:, None]\n"
        "attended = attended.flatten(-2)",
        "gt at 20",
    ),
    "a limit that is a tensor": (
        "attended = torch.minimum(attended, torch.tensor(70.0))",
        "minimum at 70",
    ),
    "a switch by the largest": (f"if attended.abs().max() > 70:\n    {OTHER}", "gt at 70"),
    "a switch by the largest, as a number": (
        f"if attended.abs().max().item() > 70:\n    {OTHER}",
        "what becomes of tokens",
    ),
    "another type in the middle": ("attended = attended.to(torch.bfloat16).float()", "rounded to bfloat16"),
}
WIDE = {"hidden_size": 1024, "num_attention_heads": 32}
"""Sizes on whose other side those of the probes are."""
OF_WIDE = ("some of the heads",)


@pytest.mark.parametrize("name", sampled(HOLES, 5))
def test_a_choice_that_the_checkpoint_decides_otherwise_is_a_hole(tmp_path: Path, name: str) -> None:
    behind, said = HOLES[name]
    odd = Odd(behind=behind, config=WIDE if name in OF_WIDE else {})
    assert said in holes_of(write_odd(tmp_path, odd, layers=1))


LENGTHS = {
    "a layer's share": ("hidden_states + mixed", "hidden_states + mixed * min(1.0, turn[0].shape[0] / 22)"),
    "a factor of logits": (
        "self.lm_head(self.model(input_ids))",
        "self.lm_head(self.model(input_ids)) * (len(input_ids[0]) / 22)",
    ),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_what_is_computed_of_the_number_of_tokens_is_a_hole(tmp_path: Path, name: str) -> None:
    old, new = LENGTHS[name]
    directory = write_odd(tmp_path, Odd(), layers=1)
    source = directory / "modeling_corvus.py"
    assert old in source.read_text()
    source.write_text(source.read_text().replace(old, new))
    assert "the number of tokens" in holes_of(directory)


NO_DIFFERENCE = {
    "an error of sizes that do not fit": "if self.heads % self.kv_heads != 0:\n    raise ValueError('heads')",
    "the same either way": "attended = attended.tanh() if hidden_states.shape[-1] > 200 else torch.tanh(attended)",
    "a limit that is far from both": "if self.heads < 1000:\n    attended = attended.tanh()",
    "a table that is made again if it is empty": "table = torch.cos(torch.arange(self.heads) / self.heads)\n"
    "if table[0] == 0:\n    table = torch.cos(torch.arange(self.heads) / self.heads)",
    "a type that the model has": "attended = attended.to(torch.bfloat16)",
}


@pytest.mark.parametrize("name", NO_DIFFERENCE)
def test_a_choice_of_which_nothing_depends_is_none(tmp_path: Path, name: str) -> None:
    odd = Odd(behind=NO_DIFFERENCE[name], config={"dtype": "bfloat16"})
    assert read(write_odd(tmp_path, odd, layers=1))[2] is not None


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_heads_that_all_have_a_key_are_no_choice(tmp_path: Path, kv_heads: int) -> None:
    """A short cut that gives what the rest of its function gives, too."""
    odd = Odd(
        after="def repeat(x, times):\n    if times == 1:\n        return x\n"
        "    return x[:, :, None].expand(-1, -1, times, -1, -1).flatten(1, 2)\n"
        "tripled = repeat(key, self.groups)",
        config={"num_key_value_heads": kv_heads},
    )
    assert read(write_odd(tmp_path, odd, layers=1))[2] is not None


def test_a_method_is_carried_out_once(tmp_path: Path) -> None:
    """What it keeps in its object is of the run's own sizes, whatever it decides by them."""
    behind = "attended = attended.unflatten(-1, (self.heads, self.kept.size)).tanh().flatten(-2)"
    directory = write_odd(tmp_path, Odd(behind=behind), layers=1)
    source = directory / "modeling_corvus.py"
    kept = "class Kept:\n    def keep(self, size):\n        self.size = size if size == 32 else size * 1\n\n\n"
    changed = source.read_text().replace("class Norm(", f"{kept}class Norm(", 1)
    made = "self.o_proj = nn.Linear("
    assert made in changed
    line = f"self.kept = Kept()\n        self.kept.keep(self.head_dim)\n        {made}"
    source.write_text(changed.replace(made, line, 1))
    assert read(directory)[2] is not None


def test_a_mask_that_is_cut_to_the_tokens_is_no_choice(tmp_path: Path) -> None:
    """It has one column more than there are tokens, as many as another size of a probe."""
    directory = write_odd(tmp_path, Odd(), layers=1)
    source = directory / "modeling_corvus.py"
    changed = source.read_text()
    for old, new in (
        (
            "mask = torch.where(index[:, None] >= index[None, :], 0.0, -1e30)",
            "mask = F.pad(torch.where(index[:, None] >= index[None, :], 0.0, -1e30), (0, 1))",
        ),
        ("scores + mask", "scores + mask[:, : keys.shape[-2]]"),
    ):
        assert old in changed
        changed = changed.replace(old, new)
    source.write_text(changed)
    assert read(directory)[2] is not None
