"""A rule of a model's ``hf_to_vllm_mapper``, or an entry of the list of names that its loader skips."""

from __future__ import annotations

import ast
import re

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.models.class_source import ClassSource, class_source
from codemods.models.inherited_mapper import MAPPER, MODELS, check_not_inherited, sets_mapper
from codemods.models.loader_lists import LISTS, with_skipped
from codemods.models.mapper_tables import indented, with_rule, with_table
from codemods.models.rules_before import taken_before
from codemods.refusal import Refusal
from codemods.text.import_member import with_import
from codemods.text.names import dotted_name, one_of, string_literal
from codemods.text.python_text import bracketed
from codemods.text.tree_style import Style

RULES = ("prefix", "substr", "suffix", "regex")
DROP = "None"
"""What the new name is where the tensor is left out."""
UTILS = f"{MODELS}.utils"


def map_weights(
    text: str, *, module: str, class_name: str, old: str, new: str, rule: str = "prefix", style: Style
) -> str:
    """Have a class load names that start with ``old`` as ones that start with ``new``; None leaves them out.

    ``rule`` says what ``old`` is: a prefix, a part (``substr``), a suffix, a regular expression; or the list of
    ``AutoWeightsLoader`` that it is added to (``skip_prefixes`` …). The rule goes last in its table, as vLLM applies
    them in this order. Raises `Refusal` if the table has the name with another value, if a rule before it takes
    all that it is for, or if the class does not load by a mapper or by ``AutoWeightsLoader``.
    """
    one_of(rule, (*RULES, *LISTS), "rule")
    where = dotted_name(module, "module").replace(".", "/") + ".py"
    found = class_source(text, class_name, where)
    key = string_literal(old, "old")
    if rule in LISTS:
        _check_no_name(new, rule)
        return with_skipped(found, rule, key)
    value = DROP if new == DROP else string_literal(new, "new")
    if rule == "regex":
        key = _pattern(old, new)
    mapper = _mapper(found)
    table = f"orig_to_new_{rule}"
    entry = f"{key}: {value},"
    if rule == "regex" and len(entry) + 12 > style.line_length:  # as ruff breaks it, at the depth that tables have
        entry = f"{key[:11]}\n    {key[11:-1]}\n): {value},"
    if mapper:
        edited = _added(found, mapper, table, entry, key, value, old)
    else:
        check_not_inherited(found, _mapper)
        edited = _with_mapper(found, table, entry, style)
    if edited != text and rule == "regex":
        edited = with_import(edited, "", "", where, plain="import regex as re")
    return edited if mapper else with_import(edited, UTILS, "WeightsMapper", where)


def _check_no_name(new: str, rule: str) -> None:
    if new != DROP:
        raise Refusal(
            f"{new!r} with rule={rule}",
            where="new",
            expected="no new name: tensors named in a list of the loader are left out",
            remedy="omit `new`, or set `rule` to the kind of rule that renames it",
        )


def _pattern(old: str, new: str) -> str:
    try:
        pattern = re.compile(old)
    except re.error as error:
        raise Refusal(
            f"{old!r} is not a regular expression ({error})",
            where="old",
            expected="a regular expression",
            remedy="correct it",
        ) from error
    try:
        pattern.sub(new, "")
    except (re.error, IndexError) as error:
        raise Refusal(
            f"{new!r} cannot replace what {old!r} matches ({error})",
            where="new",
            expected=f"a template with groups that the pattern has ({pattern.groups})",
            remedy="correct the group's number or name",
        ) from error
    quoted = string_literal(old, "old")
    return f're.compile(r"{old}")' if '"' not in old and not old.endswith("\\") else f"re.compile({quoted})"


def _mapper(found: ClassSource) -> ast.Call | None:
    """Return the call that makes the class's mapper, None if the class has none."""
    for node in found.node.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == MAPPER for target in targets):
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            if isinstance(value, ast.Call) and ast.unparse(value.func).endswith("WeightsMapper") and not value.args:
                return value
            raise found.refusal(
                f"{MAPPER} is not made by a call of WeightsMapper with tables",
                f"`{MAPPER} = WeightsMapper(orig_to_new_prefix={{…}})`",
                "edit the class that it is taken from, or write the tables out",
                node,
            )
    for part in ast.walk(found.node):
        if isinstance(part, ast.Attribute) and part.attr == MAPPER and isinstance(part.ctx, ast.Store):
            raise found.refusal(
                f"{MAPPER} is made when the model is", "a mapper of the class", "edit that line by hand", part
            )
    later = sets_mapper(ast.parse(found.text), found.node.name)
    if later is not None:
        raise found.refusal(
            f"{MAPPER} is set outside of the class", "a mapper of the class", "edit that line by hand", later
        )
    return None


def _added(found: ClassSource, mapper: ast.Call, table: str, entry: str, key: str, value: str, old: str) -> str:
    method = found.method("load_weights")
    if method is not None and MAPPER not in ast.unparse(method):
        raise found.refusal(
            f"its load_weights does not use {MAPPER}",
            f"`mapper=self.{MAPPER}` where the weights are loaded",
            "have it load by the mapper first, or map the names in load_weights",
            method,
        )
    keyword = next((k for k in mapper.keywords if k.arg == table), None)
    if keyword is None:
        _check_reached(found, mapper, table.rpartition("_")[2], old)
        return with_table(found, mapper, table, entry)
    if not isinstance(keyword.value, ast.Dict) or None in keyword.value.keys:
        raise found.refusal(f"{table} is no plain table", "a dict written out", "write it out first", keyword.value)
    known = {_text(k): (k, v) for k, v in zip(keyword.value.keys, keyword.value.values, strict=True) if k is not None}
    wanted = _text(ast.parse(key, mode="eval").body)
    if wanted in known:
        _, has = known[wanted]
        if _text(has) == _text(ast.parse(value, mode="eval").body):
            return found.text
        raise found.refusal(
            f"{old!r} is mapped already, to {_text(has)}", "no rule for it", "edit that rule by hand", has
        )
    _check_reached(found, mapper, table.rpartition("_")[2], old)
    return with_rule(found, keyword.value, entry)


def _check_reached(found: ClassSource, mapper: ast.Call, rule: str, old: str) -> None:
    taken = taken_before(mapper, rule, old)
    if taken:
        raise found.refusal(
            f"the rule {taken.key!r} before it makes {taken.becomes} of these names",
            "names as they are after the rules before",
            "give `old` as it is then, or use a regex, which is applied first",
            taken.node,
        )


def _with_mapper(found: ClassSource, table: str, entry: str, style: Style) -> str:
    method = found.method("load_weights")
    calls = [part for part in ast.walk(method) if isinstance(part, ast.Call)] if method else []
    loads = [
        c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "load_weights" and len(c.args) == 1
    ]
    if method is None or len(loads) != 1 or loads[0].keywords or "AutoWeightsLoader" not in ast.unparse(method):
        raise found.refusal(
            "the class does not load by one `AutoWeightsLoader`",
            "a `load_weights` that ends in `loader.load_weights(weights)`",
            "name the class that loads the weights, or write its loader by hand",
            method,
        )
    passed = _passed(found, loads[0], style)
    first = found.first_statement(found.node.body)
    indent = found.indent(first)
    at = found.line_start(first)
    shown = indented(entry, f"{indent}    ")
    table_text = f"{indent}    {table}={{\n{indent}        {shown}\n{indent}    }}\n"
    rows = f"{indent}{MAPPER} = WeightsMapper(\n{table_text}{indent})\n\n"
    return found.spliced((at, at, rows), passed)


def _passed(found: ClassSource, call: ast.Call, style: Style) -> tuple[int, int, str]:
    """Return the edit that has a call with one argument pass the mapper, too."""
    argument, mapper = call.args[0], f"mapper=self.{MAPPER}"
    start, stop, indent = found.stop(call.func), found.stop(call), found.indent(call)
    shown = found.text[found.start(argument) : found.stop(argument)]
    is_bare = isinstance(argument, ast.GeneratorExp) and found.start(argument) == start  # its brackets are the call's
    if is_bare and "\n" in shown:
        inner = shown.strip("()").strip("\n").rstrip().replace("\n", "\n    ")
        new = f"(\n{indent}    (\n    {inner}\n{indent}    ),\n{indent}    {mapper},\n{indent})"
        return start, stop, new
    if not is_bare and call.lineno != call.end_lineno:
        return found.stop(argument), found.stop(argument), f", {mapper}"
    begin = found.text.rindex("\n", 0, start) + 1
    before, after = found.text[begin:start].strip(), found.text[stop:].partition("\n")[0].rstrip("\r")
    width = style.line_length
    line = bracketed(f"{before}(", [shown, mapper], f"){after}", width=width, indent=indent, hug=True)
    return begin + len(indent), stop + len(after), line


def _text(node: ast.expr) -> str:
    return ast.unparse(node)


_BEFORE = """\
from .utils import AutoWeightsLoader, WeightsMapper


class Cedar:
    hf_to_vllm_mapper = WeightsMapper(
        orig_to_new_prefix={
            "model.": "language_model.model.",  # before the rings
        }
    )

    def load_weights(self, weights):
        return AutoWeightsLoader(self).load_weights(weights, mapper=self.hf_to_vllm_mapper)


class Birch:
    def load_weights(self, weights):
        loader = AutoWeightsLoader(self, skip_prefixes=["lm_head."])
        return loader.load_weights(weights)
"""
_CEDAR = {"module": "vllm.model_executor.models.cedar", "class_name": "Cedar", "old": "bark.", "new": "tower.bark."}
_BIRCH = {**_CEDAR, "class_name": "Birch"}
_SUBSTR = (
    _BEFORE.replace("prefix={", "substr={").replace('"model."', '".old."').replace("language_model.model.", ".new.")
)
_ROW = '            "model.": "language_model.model.",  # before the rings\n'
_INHERITS = (
    ("Base", "from .willow import Willow\n\nBase = Willow\n", "inherits from Willow of .willow"),
    ("willow.Willow", "from . import willow\n", "inherits from willow of .willow"),
    ("Willow[int]", "from .willow import Willow\n", "inherits from Willow of .willow"),
    ("made(Willow)", "from .willow import Willow\n", "inherits from Willow of .willow"),
    ("m.Willow", "import vllm.model_executor.models.willow as m\n", "inherits from m of vllm"),
)
"""Base of a class, the text at the head of the file, and the reason why a mapper of its own is refused."""


def _alder(base: str, head: str) -> str:
    return head + _BEFORE.replace("class Birch:", f"class Alder({base}):")


CODEMOD = Codemod(
    name="map-weights",
    summary="make a vLLM model load tensors under other names, or leave them out",
    upstream="https://github.com/vllm-project/vllm/blob/main/vllm/model_executor/models/utils.py",
    tree="vllm",
    targets=("{module_path}.py",),
    parameters=(
        Parameter("module", "the model's module, such as vllm.model_executor.models.llava"),
        Parameter("class_name", "the class that loads the weights"),
        Parameter("old", "the prefix of the names in the checkpoint, or what `rule` matches"),
        Parameter("new", "its replacement in the model; None leaves the tensors out", DROP),
        Parameter("rule", f"{', '.join(RULES)}; or a list of the loader: {', '.join(LISTS)}", "prefix"),
    ),
    transform=map_weights,
    examples=(
        Example(_CEDAR, _BEFORE, _BEFORE.replace(_ROW, f'{_ROW}            "bark.": "tower.bark.",\n')),
        Example(
            {**_CEDAR, "rule": "regex", "old": r"^tower\.(?!bark\.)", "new": "tower.bark."},
            _BEFORE,
            "import regex as re\n\n"
            + _BEFORE.replace(
                f"{_ROW}        }}\n",
                f"{_ROW}        }},\n        orig_to_new_regex={{\n"
                '            re.compile(r"^tower\\.(?!bark\\.)"): "tower.bark.",\n        },\n',
            ),
        ),
        Example(
            _BIRCH,
            _BEFORE.replace("AutoWeightsLoader, WeightsMapper", "AutoWeightsLoader", 1),
            _BEFORE.replace(
                "class Birch:\n",
                "class Birch:\n    hf_to_vllm_mapper = WeightsMapper(\n        orig_to_new_prefix={\n"
                '            "bark.": "tower.bark.",\n        }\n    )\n\n',
            ).replace("load_weights(weights)\n", "load_weights(weights, mapper=self.hf_to_vllm_mapper)\n"),
        ),
        Example(
            {**_BIRCH, "rule": "skip_prefixes", "new": DROP},
            _BEFORE,
            _BEFORE.replace('["lm_head."]', '["lm_head.", "bark."]'),
        ),
        Example({**_CEDAR, "old": "model.", "new": "language_model.model."}, _BEFORE, _BEFORE),
        RefusedExample({**_CEDAR, "old": "model.", "new": "x."}, _BEFORE, "mapped already"),
        RefusedExample({**_CEDAR, "old": "model.bark."}, _BEFORE, "before it makes"),
        RefusedExample(
            _CEDAR, _BEFORE.replace(", mapper=self.hf_to_vllm_mapper", ""), "does not use hf_to_vllm_mapper"
        ),
        RefusedExample({**_CEDAR, "class_name": "Oak"}, _BEFORE, "no class Oak"),
        RefusedExample({**_CEDAR, "module": "vllm/cedar"}, _BEFORE, "joined by dots"),
        RefusedExample({**_CEDAR, "rule": "suffix", "old": "x.old.ring", "new": "x."}, _SUBSTR, "before it makes"),
        RefusedExample({**_CEDAR, "rule": "substr", "old": ".old.ring", "new": ".r"}, _SUBSTR, "before it makes"),
        RefusedExample({**_CEDAR, "rule": "regex", "old": "a(b)", "new": r"\2"}, _BEFORE, "cannot replace what"),
        RefusedExample({**_BIRCH, "rule": "skip_prefixes"}, _BEFORE, "no new name"),
        RefusedExample(
            {**_BIRCH, "class_name": "Alder"},
            _BEFORE.replace("class Birch:", "class Alder(Cedar):"),
            "inherits hf_to_vllm_mapper of Cedar",
        ),
        RefusedExample(
            {**_BIRCH, "class_name": "Alder"},
            "from .willow import Willow\n" + _BEFORE.replace("class Birch:", "class Alder(Willow):"),
            "inherits from Willow of .willow",
        ),
        *(
            RefusedExample({**_BIRCH, "class_name": "Alder"}, _alder(base, head), refused)
            for base, head, refused in _INHERITS
        ),
        RefusedExample(_BIRCH, f"{_BEFORE}\n\nBirch.hf_to_vllm_mapper = WeightsMapper()\n", "set outside of the class"),
        RefusedExample({**_CEDAR, "rule": "regex", "old": "("}, _BEFORE, "not a regular expression"),
        RefusedExample(_BIRCH, _BEFORE.replace("AutoWeightsLoader(self, ", "Loader("), "does not load by one"),
    ),
    is_styled=True,
)
