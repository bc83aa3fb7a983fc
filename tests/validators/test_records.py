"""Records: any comes back as it was, and whatever is done to its text ends in the same record or in one clear error."""

from __future__ import annotations

import json
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.evidence.plan_record import PLAN, PlanRecord
from scaffold_validators.log_scan import Finding
from scaffold_validators.openai_api import Exchange
from scaffold_validators.outcome import Outcome
from scaffold_validators.problem import Problem
from scaffold_validators.records import Kind, dump, load, parse
from scaffold_validators.verdict import VERDICT, Verdict
from tests.rows import each
from tests.verdicts import make_verdict

TEXT = st.text(st.characters(codec=None), max_size=12)
"""Half surrogate pairs too: file names that are no UTF-8 have them."""
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=3)
TEXTS = st.dictionaries(TEXT, TEXT, max_size=3)
FINDINGS = st.builds(Finding, TEXT, st.integers(1, 10**6), TEXT, TEXT, TEXT, st.booleans())
EXCHANGES = st.builds(Exchange, TEXT, st.none() | OBJECT, st.integers(0, 599), JSON, NUMBER, st.booleans())
VERDICTS = st.builds(
    Verdict,
    stage=TEXT,
    outcome=st.sampled_from(Outcome),
    reason=TEXT,
    device=TEXT,
    command=TEXT,
    versions=TEXTS,
    digests=TEXTS,
    seconds=st.dictionaries(TEXT, NUMBER, max_size=3),
    log=TEXT,
    tensor_parallel_size=st.integers(1, 16),
    exchanges=st.lists(EXCHANGES, max_size=2).map(tuple),
    findings=st.lists(FINDINGS, max_size=2).map(tuple),
    numbers=OBJECT,
)
FILES = st.lists(TEXT, max_size=3).map(tuple)
PLANS = st.builds(PlanRecord, TEXT, TEXT, TEXT, OBJECT, TEXT, TEXT, TEXT, FILES, FILES)
RECORDS = st.tuples(st.just(VERDICT), VERDICTS) | st.tuples(st.just(PLAN), PLANS)
WHERE = "verdicts/0001-real-tp1.json"


@given(RECORDS)
def test_every_record_comes_back_as_it_was(pair: tuple[Kind[Any], Any]) -> None:
    kind, record = pair
    assert parse(kind, dump(kind, record), WHERE) == record


@given(RECORDS, st.data())
def test_any_change_of_its_text_ends_in_the_same_record_or_in_the_error(
    pair: tuple[Kind[Any], Any], data: st.DataObject
) -> None:
    kind, record = pair
    text = dump(kind, record)
    start = data.draw(st.integers(0, len(text)), "start")
    end = data.draw(st.integers(start, min(len(text), start + 40)), "end")
    put = data.draw(TEXT | st.sampled_from(PIECES), "put in its place")
    assert read(kind, text[:start] + put + text[end:]) in (record, None)


@given(RECORDS, st.data())
def test_any_change_of_a_value_in_it_ends_in_the_error(pair: tuple[Kind[Any], Any], data: st.DataObject) -> None:
    kind, record = pair
    document = json.loads(dump(kind, record))
    place = data.draw(st.sampled_from(list(places(document))), "place")
    value = data.draw(JSON, "value")
    changed = json.dumps(put_at(document, place, value))
    same = json.dumps(json.loads(changed), sort_keys=True) == json.dumps(document, sort_keys=True)
    assert (read(kind, changed) == record) is same


PIECES = ("{", "}", "[", '"', ",", ":", "null", "true", "NaN", "1e999", "-0", "\\ud800", "9" * 5000, "[" * 100_000)


def read(kind: Kind[Any], text: str) -> Any:
    """Return the record in a text, None where it is refused by the one error, which names the file."""
    try:
        return parse(kind, text, WHERE)
    except Problem as problem:
        refusal = problem
    assert refusal.where.startswith(WHERE)
    assert refusal.exit_code == 2
    return None


def places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    """Yield the path of each value inside of a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from places(item, (*path, key))


def put_at(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a document with another value at a path."""
    copy = json.loads(json.dumps(document))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


def test_a_change_of_the_content_is_found_though_every_type_is_right() -> None:
    text = dump(VERDICT, make_verdict("real", "request-failed"))
    with pytest.raises(Problem, match="text other than what was written") as problem:
        parse(VERDICT, text.replace('"request-failed"', '"passed"'), WHERE)
    assert problem.value.where == f"{WHERE}, field sha256"


@each(
    ("path", "value", "says"),
    [
        (("record",), "plan", "field record: 'plan'; expected 'verdict'"),
        (("version",), 99, "field version: 99, of a newer version of this tool; expected 3"),
        (("version",), 1, "field version: 1, of an older version of this tool; expected 3"),
        (("version",), True, "field version: True; expected a whole number"),
        (("content", "outcome"), "excellent", "'excellent' is not a valid Outcome @ content.outcome"),
        (("content", "reason"), 7, "found 7, expected str @ content.reason"),
        (("content", "seconds"), {"ready": "fast"}, r"found 'fast', expected float @ content.seconds\['ready'\]"),
        (("content", "exchanges"), [{"path": "/v1"}], r"required field missing @ content.exchanges\[0\].request"),
        (("content", "findings"), "none", "found 'none', expected a list @ content.findings"),
        (("content", "mood"), "good", r"extra fields found \(mood\) @ content"),
    ],
)
def test_what_does_not_fit_is_named_with_its_field(path: tuple[Any, ...], value: Any, says: str) -> None:
    document = json.loads(dump(VERDICT, make_verdict("real")))
    with pytest.raises(Problem, match=says) as problem:
        parse(VERDICT, json.dumps(put_at(document, path, value)), WHERE)
    assert problem.value.remedy == VERDICT.remedy


def has_no_default(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def test_a_field_with_a_default_that_is_missing_is_found_by_the_digest() -> None:
    document = json.loads(dump(PLAN, PlanRecord("n", "a", "s", {}, "c", "v", "d", (), ())))
    for field in fields(PlanRecord):
        if not has_no_default(field):
            content = {name: value for name, value in document["content"].items() if name != field.name}
            with pytest.raises(Problem, match="text other than what was written"):
                parse(PLAN, json.dumps({**document, "content": content}), WHERE)


@each("name", [field.name for field in fields(PlanRecord) if has_no_default(field)])
def test_a_field_that_is_missing_is_named(name: str) -> None:
    document = json.loads(dump(PLAN, PlanRecord("n", "a", "s", {}, "c", "v", "d", (), ())))
    del document["content"][name]
    with pytest.raises(Problem, match=f"required field missing @ content.{name}"):
        parse(PLAN, json.dumps(document), WHERE)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"[]", b'{"a": 1, "a": 2}'])
def test_a_file_that_is_no_record_is_the_error_too(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(Problem) as problem:
        load(PLAN, path)
    assert problem.value.where.startswith(str(path))


def test_records_hold_nothing_but_typed_values() -> None:
    for kind in (VERDICT, PLAN):
        assert is_dataclass(kind.type)
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump(VERDICT, make_verdict("real", numbers={"largest": float("nan")}))
