"""Statements are found wherever they stand, in the order in which Python's own walk meets them."""

from __future__ import annotations

import ast

from codemods.entries.python.keys import _statements

SOURCE = """
TABLE = {}
if a:
    TABLE["b"] = 1
elif c:
    TABLE["d"] = [x for x in y if (z := x)]
else:
    TABLE["e"] = lambda: 0
try:
    import f
except ImportError:
    TABLE |= {"g": 1}
else:
    TABLE.update(h=1)
finally:
    pass
async def function():
    async with i as j:
        for k in l:
            TABLE["k"] = k
        else:
            return
    while m:
        match n:
            case 1:
                TABLE["o"] = 1
            case _:
                class Inner:
                    p = 1
"""


def test_each_statement_in_the_order_of_the_walk() -> None:
    tree = ast.parse(SOURCE)
    expected = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    assert list(_statements(tree)) == expected
