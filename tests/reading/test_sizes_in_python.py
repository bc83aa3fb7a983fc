"""A size is known at the checkpoint's sizes, too, wherever Python carries it: in texts, lists, tables, loops."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.carried.test_carried_over import holes_of
from tests.mixers.test_examples import read
from tests.models.odd_blocks import Odd, write_odd
from tests.sampled import sampled

WIDE = {"hidden_size": 1024, "num_attention_heads": 32}
OTHER = "attended = attended * 1.5"
CONDITIONS = {
    "digits": "len(str(hidden_states.shape[-1])) > 3",
    "an order": "sorted([self.heads, 20])[0] == 20",
    "a text": "f'{self.heads}' in ('32', '40')",
    "a text with a percent sign": "'%d' % self.heads == '32'",
    "the beginning of a text": "str(self.heads).startswith('3')",
    "a text that is cut": "int(str(self.heads)[0]) == 3",
    "a set": "self.heads in {32, 40}",
    "a table": "self.heads in {32: 1, 40: 2}",
    "a range": "self.heads in range(20, 64)",
    "elements of a set": "len({self.heads, 32}) == 1",
    "what sets share": "{self.heads} & {32, 40}",
    "keys that are sizes": "{self.heads: 1.5}.get(32, 1.0) > 1",
    "any of shares": "any([self.heads // 20])",
    "all of shares": "all([self.heads // 20])",
    "a share that is true": "bool(self.heads // 20) is True",
    "the start of a sum": "sum([1], start=self.heads) > 20",
    "the largest by a key": "max([self.heads, 20], key=lambda n: n) != 20",
    "a list as long": "len([0] * self.heads) > 20",
    "a list made as long": "len([0 for _ in range(self.heads)]) > 20",
    "a range as long": "len(range(self.heads)) > 20",
    "the end of a list": "([1.0] * self.heads)[20:]",
    "pairs": "(self.heads, self.head_dim) in [(32, 32), (40, 128)]",
    "a table of pairs": "(self.heads, self.head_dim) in {(32, 32): 1.5}",
    "near another": "math.isclose(self.heads, 32)",
    "times that two divides": "math.frexp(self.heads)[1] == 6",
    "a text as long": "len('x' * self.heads) > 20",
    "a dictionary as long": "len({i: 0 for i in range(self.heads)}) > 20",
    "as many modules": "len(nn.ModuleList([nn.Identity() for _ in range(self.heads)])) > 20",
    "a tensor of one size": "torch.tensor(self.heads) == 32",
    "a tensor as a number": "torch.tensor(self.heads).item() > 20",
    "a tensor as a list": "len(torch.arange(self.heads).tolist()) > 20",
    "choices that stop each probe elsewhere": "(self.heads / 16).is_integer() and self.heads > 20",
    "pieces": "len(attended.split(512, dim=-1)) > 1",
}
STATEMENTS = {
    "a factor in a table of texts": "attended = attended * {'h32': 1.5}.get(f'h{self.heads}', 1.0)",
    "what is counted": f"n = 0\nfor _ in range(self.heads):\n    n = n + 1\nif n > 20:\n    {OTHER}",
    "what an object counts": f"self.n = 0\nfor _ in range(self.heads):\n    self.n += 1\nif self.n > 20:\n    {OTHER}",
    "a list that grows": f"n = []\nfor i in range(self.heads):\n    n.append(i)\nif len(n) > 20:\n    {OTHER}",
    "an order that is made": f"n = [self.heads, 20]\nn.sort()\nif n[0] == 20:\n    {OTHER}",
    "an attribute by its name": f"setattr(self, f'h{{self.heads}}', 1)\nif hasattr(self, 'h32'):\n    {OTHER}",
    "an item that is not there": f"try:\n    ([1] * self.heads)[20]\n    {OTHER}\nexcept IndexError:\n    pass",
    "whole shares": "attended = attended * (self.heads // 20 + 1)",
    "a rest": "attended = attended * (self.heads % 20) / 10",
    "a tensor's share": "attended = attended * (torch.tensor(float(self.heads)) // 20 + 1)",
    "turns of a loop": f"for _ in range(self.heads // 20 + 1):\n    {OTHER}",
    "a text that grows": f"n = ''\nfor _ in range(self.heads):\n    n += 'x'\nif len(n) > 20:\n    {OTHER}",
    "arguments that are counted": f"def many(*args):\n    return len(args) > 20\n"
    f"if many(*range(self.heads)):\n    {OTHER}",
    "arguments of a lambda": f"if (lambda first, *rest: len(rest))(*range(self.heads)) > 20:\n    {OTHER}",
    "arguments handed on": f"def many(*args):\n    return len(args) > 20\ndef ask(*args):\n    return many(*args, 0)\n"
    f"if ask(*range(self.heads)):\n    {OTHER}",
    "arguments by name that are counted": f"def many(**named):\n    return len(named) > 20\n"
    f"if many(**{{f'h{{i}}': i for i in range(self.heads)}}):\n    {OTHER}",
    "arguments that Python counts": f"if max(*range(self.heads)) > 20:\n    {OTHER}",
    "arguments with a default": "def scaled(x, *, last=0, **named):\n    return x * 1.5 if last else x\n"
    "attended = scaled(attended, **{'last' if self.heads > 20 else 'first': 1})",
    "more arguments than a default": "def scaled(x, factor=1.0, other=0.5):\n    return x * factor * other\n"
    "attended = scaled(attended, *[1.5] * (1 + self.heads // 32))",
    "a rest that is counted": f"first, *rest = range(self.heads)\nif len(rest) > 20:\n    {OTHER}",
    "a list that others are put into": f"n = [*range(self.heads), 0]\nif len(n) > 20:\n    {OTHER}",
    "a dictionary that another is put into": f"n = {{**{{i: i for i in range(self.heads)}}, -1: 0}}\n"
    f"if len(n) > 20:\n    {OTHER}",
    "an assertion that is caught": f"try:\n    assert self.heads > 20\n    {OTHER}\nexcept AssertionError:\n    pass",
    "an assertion of a function that is caught": f"def check(n):\n    assert n > 20, n\n"
    f"try:\n    check(self.heads)\nexcept Exception:\n    pass\nelse:\n    {OTHER}",
    "a table of the source's own": "m = torch.tensor([1.0] * 20 + [1.5] * 20)[self.heads]\nattended = attended * m",
    "a part of such a table": "m = torch.tensor([1.0] * 20 + [1.5] * 12)[: self.heads]\n"
    "attended = attended * m.repeat_interleave(self.head_dim)",
    "late heads": "attended = attended * (1 + (torch.arange(self.heads) // 20).repeat_interleave(self.head_dim))",
    "late entries": "m = torch.ones(self.heads)\nm[20:] = 1.5\n"
    "attended = attended * m.repeat_interleave(self.head_dim)",
}
WAYS = STATEMENTS | {name: f"import math\nif {condition}:\n    {OTHER}" for name, condition in CONDITIONS.items()}


@pytest.mark.parametrize("name", sampled(WAYS, 9))
def test_what_a_size_decides_is_a_hole_however_it_is_asked(tmp_path: Path, name: str) -> None:
    said = holes_of(write_odd(tmp_path, Odd(behind=WAYS[name], config=WIDE), layers=1))
    assert "a choice by" in said or "rounded or counted" in said or "shows one" in said or "explain" in said


SAID = "said = f'{self.heads} heads of {self.head_dim}'"
NO_DIFFERENCE = {
    "a text that is only said": f"{SAID}\nif not said:\n    raise ValueError(said)",
    "a loop over heads": "parts = attended.split(self.head_dim, dim=-1)\n"
    "attended = torch.cat([part * 1.5 for part in parts], dim=-1)\nattended = attended / 1.5",
    "an order that is the same": f"if sorted([self.heads, 2])[0] == 2:\n    {OTHER}",
    "a root": "attended = attended * self.heads ** -0.5",
    "what is counted and not asked for": "n = 0\nfor _ in range(self.heads):\n    n += 1",
}


@pytest.mark.parametrize("name", sampled(NO_DIFFERENCE, 3))
def test_what_no_size_decides_is_none(tmp_path: Path, name: str) -> None:
    assert read(write_odd(tmp_path, Odd(behind=NO_DIFFERENCE[name], config=WIDE), layers=1))[2] is not None


def test_a_choice_behind_another_is_looked_for(tmp_path: Path) -> None:
    """Only where the first is made as for the checkpoint does the source come to the second."""
    behind = "t = {'h32': 1.5, 'h6': 1.0}\nk = f'h{self.heads}'\nattended = attended * (t[k] if k in t else 1.0)"
    assert "a choice by" in holes_of(write_odd(tmp_path, Odd(behind=behind, config=WIDE), layers=1))
