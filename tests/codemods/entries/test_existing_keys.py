"""A key that is there already is recognised or refused, whatever its value looks like, and never written twice."""

import pytest

from codemods import Refusal, find_codemod
from tests.rows import each

REGISTRY = """\
_TEXT_GENERATION_MODELS = {
    "AlderForCausalLM": ("alder", "AlderForCausalLM"),
}
_MULTIMODAL_MODELS = {
    "ElmForConditionalGeneration": ("elm", "Elm"),
}
"""
CEDAR = {"architecture": "CedarForCausalLM", "module": "cedar", "class_name": "CedarForCausalLM"}
ENTRY = '    "AlderForCausalLM": ("alder", "AlderForCausalLM"),\n'

VALUES = ['"0.9.2"', '["cedar", "Cedar"]', '_lazy("cedar")', "CEDAR", '("cedar", "Cedar", "a third")', "None"]
KEYS = ['"Cedar" "ForCausalLM"', '"Cedar" + "ForCausalLM"', 'f"Cedar{TASK}"', 'f"{FAMILY}ForCausalLM"', "CEDAR"]
STATEMENTS = [
    '_MULTIMODAL_MODELS["CedarForCausalLM"] = ("cedar", "Cedar")',
    '_MULTIMODAL_MODELS[f"Cedar{TASK}"] = ("cedar", "Cedar")',
    '_MULTIMODAL_MODELS.update({"CedarForCausalLM": ("cedar", "Cedar")})',
    '_MULTIMODAL_MODELS.update(CedarForCausalLM=("cedar", "Cedar"))',
    '_MULTIMODAL_MODELS.update([("CedarForCausalLM", ("cedar", "Cedar"))])',
    '_MULTIMODAL_MODELS.setdefault("CedarForCausalLM", ("cedar", "Cedar"))',
    '_MULTIMODAL_MODELS |= {"CedarForCausalLM": ("cedar", "Cedar")}',
    'if OLD:\n    _MULTIMODAL_MODELS["CedarForCausalLM"] = ("cedar", "Cedar")',
    'for TASK in ("ForCausalLM", "Model"):\n    _MULTIMODAL_MODELS["Cedar" + TASK] = ("cedar", "Cedar")',
    '_EMBEDDING_MODELS = dict(CedarForCausalLM=("cedar", "Cedar"))',
    '_EMBEDDING_MODELS = {"CedarForCausalLM": ("cedar", "Cedar")}',
    '_EMBEDDING_MODELS = {**{"CedarForCausalLM": ("cedar", "Cedar")}, "X": 1}',
    '_EMBEDDING_MODELS: dict[str, object] = {\n    "CedarForCausalLM": 1,\n}',
]


@each("value", VALUES)
@each("table", ["_TEXT_GENERATION_MODELS", "_MULTIMODAL_MODELS"])
def test_an_entry_of_any_value_counts_in_any_table(value: str, table: str) -> None:
    text = REGISTRY.replace(f"{table} = {{\n", f'{table} = {{\n    "CedarForCausalLM": {value},\n')
    with pytest.raises(Refusal, match="CedarForCausalLM is registered already"):
        find_codemod("vllm-registry-entry").run(text, CEDAR)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_is_put_together_counts(key: str) -> None:
    text = REGISTRY.replace(ENTRY, f'{ENTRY}    {key}: ("cedar", "Cedar"),\n')
    text = f'TASK = "ForCausalLM"\nFAMILY = "Cedar"\nCEDAR = "CedarForCausalLM"\n{text}'
    with pytest.raises(Refusal, match="CedarForCausalLM is registered already"):
        find_codemod("vllm-registry-entry").run(text, CEDAR)


@each("replace", ["no", "yes"])
@each("statement", STATEMENTS)
def test_a_statement_that_adds_the_key_counts(statement: str, replace: str) -> None:
    text = f"{REGISTRY}{statement}\n"
    if replace == "yes" and statement == STATEMENTS[-1]:
        return  # a plain entry, which is moved
    with pytest.raises(Refusal, match="CedarForCausalLM is registered already"):
        find_codemod("vllm-registry-entry").run(text, {**CEDAR, "replace": replace})


@pytest.mark.parametrize(
    "statement",
    [
        '_MULTIMODAL_MODELS[f"Birch{TASK}"] = ("birch", "Birch")',
        "_MULTIMODAL_MODELS[name] = value",
        "_MULTIMODAL_MODELS.update(MORE)",
        "_MULTIMODAL_MODELS |= {k: v for k, v in _TEXT_GENERATION_MODELS.items()}",
        'OTHER = {"CedarForCausalLM": 1}',
        'print("CedarForCausalLM")',
    ],
)
def test_what_is_something_else_does_not_count(statement: str) -> None:
    after = find_codemod("vllm-registry-entry").run(f"{REGISTRY}{statement}\n", CEDAR)
    new = '    "CedarForCausalLM": ("cedar", "CedarForCausalLM"),\n'
    assert after == REGISTRY.replace(ENTRY, ENTRY + new) + f"{statement}\n"


def test_an_entry_is_moved_between_tables_and_changed_where_it_is() -> None:
    codemod = find_codemod("vllm-registry-entry")
    elm = {**CEDAR, "architecture": "ElmForConditionalGeneration", "replace": "yes"}
    moved = codemod.run(REGISTRY, elm)
    old = '    "ElmForConditionalGeneration": ("elm", "Elm"),\n'
    new = '    "ElmForConditionalGeneration": ("cedar", "CedarForCausalLM"),\n'
    assert moved == REGISTRY.replace(old, "").replace(ENTRY, ENTRY + new)
    assert codemod.run(REGISTRY, {**elm, "category": "multimodal"}) == REGISTRY.replace(old, new)
    assert codemod.run(moved, elm) == moved


def test_a_comment_behind_an_entry_stays_with_it() -> None:
    codemod, text = find_codemod("vllm-registry-entry"), REGISTRY.replace('"Elm"),', '"Elm"),  # no images')
    elm = {**CEDAR, "architecture": "ElmForConditionalGeneration", "replace": "yes"}
    new = '    "ElmForConditionalGeneration": ("cedar", "CedarForCausalLM"),  # no images\n'
    for category in ("MULTIMODAL", "TEXT_GENERATION"):
        after = codemod.run(text, {**elm, "category": category})
        assert after.count(new) == 1
        assert after.replace(new, "") == REGISTRY.replace('    "ElmForConditionalGeneration": ("elm", "Elm"),\n', "")


def test_a_category_and_a_registry_that_differ_are_refused() -> None:
    codemod = find_codemod("vllm-registry-entry")
    with pytest.raises(Refusal, match="one of the two"):
        codemod.run(REGISTRY, {**CEDAR, "category": "EMBEDDING", "registry": "_MULTIMODAL_MODELS"})
    with pytest.raises(Refusal, match=r"no table _EMBEDDING_MODELS; expected one of.*_TEXT_GENERATION_MODELS"):
        codemod.run(REGISTRY, {**CEDAR, "category": "embedding"})


@pytest.mark.parametrize(
    "text",
    [
        'def register_model():\n    if OLD:\n        ModelRegistry.register_model("CedarForCausalLM", "a.b:C")\n'
        '    ModelRegistry.register_model("AlderForCausalLM", "a.b:C")\n',
        'def register_model():\n    ModelRegistry.register_model("AlderForCausalLM", "a.b:C")\n'
        'ModelRegistry.register_model("Cedar" + "ForCausalLM", "a.b:C")\n',
    ],
)
def test_a_registration_under_a_condition_or_elsewhere_counts(text: str) -> None:
    arguments = {"architecture": "CedarForCausalLM", "module": "a.m", "class_name": "C", "replace": "yes"}
    with pytest.raises(Refusal, match=r"is registered already, as a\.b:C"):
        find_codemod("ascend-model-registration").run(text, arguments)


@pytest.mark.parametrize("values", [("cedar", "other"), ("other", "cedar")])
def test_a_key_that_a_table_has_twice_is_refused_and_replaced_by_one(values):
    codemod = find_codemod("vllm-registry-entry")
    arguments = {"architecture": "CedarForCausalLM", "module": "cedar", "class_name": "Cedar"}
    entries = [f'    "CedarForCausalLM": ("{value}", "Cedar"),\n' for value in values]
    text = "_TEXT_GENERATION_MODELS = {\n" + "".join(entries) + "}\n"
    with pytest.raises(Refusal, match="is registered already"):
        codemod.run(text, arguments)
    one = text.replace('    "CedarForCausalLM": ("other", "Cedar"),\n', "")
    assert codemod.run(text, {**arguments, "replace": "yes"}) == one
    twice = text.replace("other", "cedar")
    assert codemod.run(twice, arguments) == twice
