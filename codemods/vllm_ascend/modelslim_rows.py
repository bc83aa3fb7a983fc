"""Rows of the tables that map a model's layers to the entries of ModelSlim's description of its weights.

Without a row, a layer's entry is not found, and the start fails with a KeyError, or another layer's entry is used.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.refusal import Refusal
from codemods.text.names import model_type_name
from codemods.text.python_text import INDENT, bracketed, parse_tree
from codemods.text.tree_style import DEFAULTS, Style

PLACES = (
    "vllm_ascend/quantization/modelslim_config.py",
    "vllm_ascend/quantization/configs/modelslim_config.py",
    "vllm_ascend/quantization/quant_config.py",
)
PACKED, SINCE_0_28 = "packed_modules_model_mapping", "UPDATED_PACKED_MODULES_MAPPING"
PREFIXES, SUBSTRINGS = "QUANT_MODEL_PREFIX_MAPPINGS", "QUANT_MODEL_SUBSTR_MAPPINGS"
TABLES = {"packed": PACKED, "prefix": PREFIXES, "substr": SUBSTRINGS}
BOM = "\ufeff"
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_WORD = re.compile(r"[A-Za-z0-9_.\-]+")
_COMMA = re.compile(r"(?:\s|#[^\r\n]*)*,")
Values = dict[str, list[str] | str]


def modelslim_rows(text: str, *, model_types: str, row: str, table: str = "packed", style: Style | None = None) -> str:
    """Give each model type a row with these entries, or its row those that it lacks; all else stays byte for byte.

    Raises `Refusal` if a row has another value for an entry, is no dict that is written one entry per line, or is given
    elsewhere in the file, too.
    """
    name = _table(table)
    if name == PACKED and PACKED not in text and SINCE_0_28 in text:
        name = SINCE_0_28
    asked = {one: _entries(row, table) for one in model_types.split(",")}
    for one in asked:
        model_type_name(one, "model_types")
    width = (style or DEFAULTS["vllm-ascend"]).line_length
    for model_type, entries in asked.items():
        text = _with_row(text, name, model_type, entries, width)
    return text


@dataclass(frozen=True)
class _File:
    """A file's text and tree. Positions of the tree count bytes of UTF-8 in lines as Python's parser counts them."""

    text: str
    tree: ast.Module
    starts: tuple[int, ...]
    lines: tuple[str, ...]

    def at(self, line: int, column: int) -> int:
        """Return the index in the text of a position of the tree."""
        before = self.lines[line - 1].encode()[:column].decode()
        return self.starts[line - 1] + len(before)

    def end(self, node: ast.expr) -> int:
        """Return the index behind a node."""
        return self.at(node.end_lineno or 0, node.end_col_offset or 0)

    def indent(self, node: ast.expr) -> str:
        """Return the blanks before the line of a node."""
        line = self.lines[node.lineno - 1]
        return line[: len(line) - len(line.lstrip(" \t"))]


def _file(text: str) -> _File:
    shift = len(BOM) if text.startswith(BOM) else 0
    lines = _LINE.findall(text[shift:])
    starts, at = [], shift
    for line in lines:
        starts.append(at)
        at += len(line)
    return _File(text, parse_tree(text[shift:], PLACES[0]), tuple(starts), tuple(lines))


def _with_row(text: str, table: str, model_type: str, entries: Values, width: int) -> str:
    file = _file(text)
    rows = _rows(file.tree, table)
    row = _value(rows, model_type, f"{table}[…]")
    _check_elsewhere(file.tree, table, model_type)
    if row is None:
        indent = file.indent(rows.keys[0]) if rows.keys and rows.keys[0] is not None else INDENT
        return _inserted(file, rows, [_row(model_type, entries, indent, _step(file, rows), width)], indent)
    if not isinstance(row, ast.Dict):
        raise _refused(f"{model_type} of {table} is {ast.unparse(row)[:80]}", "a dict written in its place")
    known = {name: _literal(row, name, model_type) for name in entries if _value(row, name, model_type) is not None}
    for name, value in known.items():
        if value != entries[name]:
            raise _refused(f"{model_type} of {table} has {name!r} as {value!r}", f"no such entry, or {entries[name]!r}")
    indent = file.indent(row.keys[0]) if row.keys and row.keys[0] is not None else file.indent(row) + INDENT
    new = [_entry(name, value, indent, width) for name, value in entries.items() if name not in known]
    return _inserted(file, row, new, indent) if new else text


def _inserted(file: _File, into: ast.Dict, new: list[str], indent: str) -> str:
    """Return the text with lines before the closing brace of a dict, and a comma after what was last."""
    text, close = file.text, file.end(into) - 1
    line = file.lines[into.lineno - 1]
    end = next((mark for mark in ("\r\n", "\n", "\r") if line.endswith(mark)), "\n")
    block = end.join(f"{indent}{one}" for one in new).replace("\r\n", "\n").replace("\n", end) + end
    if not into.values:
        own = file.indent(into)
        return f"{text[: file.at(into.lineno, into.col_offset) + 1]}{end}{block}{own}{text[close:]}"
    begin = file.starts[(into.end_lineno or 0) - 1]
    last = file.end(into.values[-1])
    if begin <= last or text[begin:close].strip():
        raise _refused("a dict that closes on the line of its last entry", "its closing brace on a line of its own")
    comma = "" if _COMMA.match(text, last) else ","
    return f"{text[:last]}{comma}{text[last:begin]}{block}{text[begin:]}"


def _row(model_type: str, entries: Values, indent: str, step: str, width: int) -> str:
    inner = "".join(f"{indent}{step}{_entry(*one, indent + step, width)}\n" for one in entries.items())
    return f'"{model_type}": {{\n{inner}{indent}}},'


def _entry(name: str, value: list[str] | str, indent: str, width: int) -> str:
    if isinstance(value, str):
        return f'"{name}": "{value}",'
    return bracketed(f'"{name}": [', [f'"{part}"' for part in value], "],", width=width, indent=indent)


def _step(file: _File, rows: ast.Dict) -> str:
    """Return by how much entries of a row are indented further than the row, as the file's others are."""
    for key, value in zip(rows.keys, rows.values, strict=True):
        if key is not None and isinstance(value, ast.Dict) and value.keys and value.keys[0] is not None:
            outer, inner = file.indent(key), file.indent(value.keys[0])
            if inner.startswith(outer) and inner != outer:
                return inner.removeprefix(outer)
    return INDENT


def _rows(tree: ast.Module, table: str) -> ast.Dict:
    found = [one for one in tree.body if table in _targets(one)]
    values = [one.value for one in found if isinstance(one, ast.Assign | ast.AnnAssign)]
    if not found and table in (PREFIXES, SUBSTRINGS):
        raise Refusal(
            f"no {table}: this version of vllm-ascend does not rename layers by such a table",
            where=PLACES[0],
            expected="a version that does",
            remedy="take a newer one, or rename the entries of the description",
        )
    if len(values) != 1 or not isinstance(values[0], ast.Dict):
        raise _refused(f"no dict {table}", f"`{table} = {{…}}`, once and at the top level")
    return values[0]


def _targets(statement: ast.stmt) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [one.id for one in targets if isinstance(one, ast.Name)]


def _value(row: ast.Dict, name: str, what: str) -> ast.expr | None:
    """Return the value of an entry, whatever its key is written as; None without one."""
    found = None
    for key, value in zip(row.keys, row.values, strict=True):
        known = _text(key) if key is not None else None
        if known is None:
            raise _refused(f"a key of {what} that is no plain text (line {value.lineno})", "keys written as text")
        found = value if known == name else found
    return found


def _text(key: ast.expr) -> str | None:
    if isinstance(key, ast.BinOp) and isinstance(key.op, ast.Add):
        left, right = _text(key.left), _text(key.right)
        return left + right if left is not None and right is not None else None
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None


def _literal(row: ast.Dict, name: str, what: str) -> object:
    value = _value(row, name, what)
    assert value is not None
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError):
        return ast.unparse(value)


def _check_elsewhere(tree: ast.Module, table: str, model_type: str) -> None:
    """Refuse a row that further statements give: ``table["x"] = …`` or ``table.update(…)`` with the model type."""
    for node in ast.walk(tree):
        target: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            target = node.value.value if isinstance(node.value, ast.Subscript) else node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update":
            target = node.func.value.value if isinstance(node.func.value, ast.Subscript) else node.func.value
        if isinstance(target, ast.Name) and target.id == table and repr(model_type) in ast.unparse(node):
            line = getattr(node, "lineno", 0)
            raise _refused(f"{model_type} is given to {table} in line {line}", "all rows in the dict itself")


def _table(table: str) -> str:
    if table not in TABLES:
        raise Refusal(repr(table), where="table", expected=" or ".join(TABLES), remedy="choose one of these")
    return TABLES[table]


def _entries(row: str, table: str) -> Values:
    pairs = list(_pairs(row))
    if table == "packed":
        return {name: _words(parts, "row") for name, parts in pairs}
    return {name: _words(new, "row")[0] if new else "" for name, new in pairs}


def _pairs(row: str) -> Iterator[tuple[str, str]]:
    for entry in row.split():
        name, sign, parts = entry.partition("=")
        if not sign:
            raise _no_word(entry, "row", "entries such as qkv_proj=q_proj,k_proj,v_proj, with blanks between them")
        yield _words(name, "row")[0], parts
    if not row.split():
        raise _no_word(row, "row", "at least one entry")


def _words(text: str, what: str) -> list[str]:
    words = text.split(",")
    for word in words:
        if not _WORD.fullmatch(word):
            raise _no_word(word, what, "letters, digits, `_`, `.` and `-`, with commas between several")
    return words


def _no_word(found: str, what: str, expected: str) -> Refusal:
    return Refusal(repr(found), where=what, expected=expected, remedy="use names that follow this rule")


def _refused(found: str, expected: str) -> Refusal:
    return Refusal(found, where=PLACES[0], expected=expected, remedy="correct the row by hand")


_BEFORE = """\
packed_modules_model_mapping: dict[str, dict[str, list[str]]] = {
    "birch": {
        "qkv_proj": ["q_proj", "k_proj", "v_proj"],  # as always
        # and nothing else
    },
}

QUANT_MODEL_PREFIX_MAPPINGS = {
    "yew": {
        "layers.": "model.layers.",
    }
}
"""
_CEDAR = """\
    "cedar": {
        "gate_up_proj": ["gate_proj", "up_proj"],
        "experts": ["experts.0.gate_proj", "experts.0.up_proj", "experts.0.down_proj"],
    },
"""
_CEDAR_TEXT = _CEDAR.replace('"cedar"', '"cedar_text"')
_ROW = {
    "model_types": "cedar,cedar_text",
    "row": "gate_up_proj=gate_proj,up_proj experts=experts.0.gate_proj,experts.0.up_proj,experts.0.down_proj",
}
_GATE = {"model_types": "birch", "row": "qkv_proj=q_proj,k_proj,v_proj gate_up_proj=gate_proj,up_proj"}
_NOTHING = "        # and nothing else\n"

CODEMOD = Codemod(
    name="add-modelslim-rows",
    summary="map a model's layers to the entries of ModelSlim's quant_model_description.json",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/vllm_ascend/quantization/modelslim_config.py",
    tree="vllm-ascend",
    targets=PLACES,
    parameters=(
        Parameter("model_types", "`model_type` of config.json and, after a comma, that of its text config"),
        Parameter("row", "entries separated by spaces: qkv_proj=q_proj,k_proj,v_proj, or model.=language_model.model."),
        Parameter("table", "packed (modules), prefix (of names) or substr (parts of names)", "packed"),
    ),
    transform=modelslim_rows,
    examples=(
        Example(_ROW, _BEFORE, _BEFORE.replace("    },\n}\n", "    },\n" + _CEDAR + _CEDAR_TEXT + "}\n")),
        Example(_GATE, _BEFORE, _BEFORE.replace(
            _NOTHING, _NOTHING + '        "gate_up_proj": ["gate_proj", "up_proj"],\n')),
        Example(
            {"model_types": "elm", "row": "h.=model.h.", "table": "prefix"},
            _BEFORE,
            _BEFORE.replace("    }\n}\n", '    },\n    "elm": {\n        "h.": "model.h.",\n    },\n}\n'),
        ),
        Example(_GATE, "packed_modules_model_mapping = {}\r\n", 'packed_modules_model_mapping = {\r\n    "birch": {\r\n'
                '        "qkv_proj": ["q_proj", "k_proj", "v_proj"],\r\n'
                '        "gate_up_proj": ["gate_proj", "up_proj"],\r\n    },\r\n}\r\n'),
        RefusedExample({**_GATE, "row": "qkv_proj=query,key"}, _BEFORE, "has 'qkv_proj' as ['q_proj', 'k_proj'"),
        RefusedExample(_GATE, _BEFORE + 'packed_modules_model_mapping["birch"] = {}\n', "in line 13"),
        RefusedExample(_GATE, "packed_modules_model_mapping = {**OTHERS}\n", "no plain text"),
        RefusedExample(_GATE, "packed_modules_model_mapping = {'birch': {'qkv_proj': ['q_proj', 'k_proj', 'v_proj']}}",
                       "closes on the line of its last entry"),
        Example(_GATE, _BEFORE.replace(PACKED, SINCE_0_28), _BEFORE.replace(PACKED, SINCE_0_28).replace(
            _NOTHING, _NOTHING + '        "gate_up_proj": ["gate_proj", "up_proj"],\n')),
        RefusedExample({**_GATE, "model_types": "Evil\"x"}, _BEFORE, "model_types"),
        RefusedExample({**_GATE, "row": "qkv_proj"}, _BEFORE, "entries such as"),
        RefusedExample({**_GATE, "table": "other"}, _BEFORE, "packed or prefix or substr"),
        RefusedExample(_GATE, "x = 1\n", "no dict packed_modules_model_mapping"),
        RefusedExample({"model_types": "elm", "row": "h.=model.h.", "table": "prefix"},
                       "packed_modules_model_mapping = {}\n", "does not rename layers by such a table"),
    ),
    is_styled=True,
)  # fmt: skip
