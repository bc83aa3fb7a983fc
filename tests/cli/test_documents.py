"""The schemas of what commands print: one for each command, each a schema, and documents that lack a key are found."""

from __future__ import annotations

import click
import jsonschema
import pytest

from scaffold.cli.documents import AS_RUN, PLAIN, document_schema, table
from scaffold.cli.main import COMMANDS, scaffold
from scaffold.cli.pages import settings_schema
from scaffold.cli.settings import KNOWN
from tests.cli.documents import check_document
from tests.rows import each


def test_each_command_has_a_row() -> None:
    codemod = scaffold.get_command(click.Context(scaffold), "codemod")
    assert isinstance(codemod, click.Group)
    own = {f"codemod {name}" for name in codemod.commands}
    assert set(table()["documents"]) | set(AS_RUN) == (set(COMMANDS) - {"codemod"}) | own


@each("command", table()["documents"])
def test_each_schema_is_one(command: str) -> None:
    jsonschema.Draft202012Validator.check_schema(document_schema(command))


def test_every_record_of_the_table_is_used_and_every_type_is_known() -> None:
    used = {name for command in table()["documents"] for name in document_schema(command)["$defs"]}
    assert used == set(table()["records"])
    for rows in (*table()["records"].values(), *table()["documents"].values()):
        for kind, says in rows.values():
            assert says
            assert kind.strip("[]{}?") in {*PLAIN, *table()["records"]}


def test_what_is_missing_or_of_another_type_is_found_and_an_error_excuses_it() -> None:
    whole = {"schema": 1, "files": ["a"], "edited": []}
    check_document(["undo"], {**whole, "of a later release": 1})
    for wrong in ({"schema": 1}, {"schema": 2, "files": []}, {"schema": 1, "files": [1]}):
        with pytest.raises(AssertionError, match="scaffold undo --json"):
            check_document(["undo"], wrong)
    error = dict.fromkeys(("kind", "found", "where", "expected", "remedy"), "")
    check_document(["undo"], {"schema": 1, "error": error})
    check_document(["undo"], {"schema": 1, "interrupted": ["nothing"]})


def test_the_schema_of_settings_takes_what_is_read_and_nothing_else() -> None:
    validator = jsonschema.Draft202012Validator(settings_schema())
    assert {name.replace("-", "_") for name in settings_schema()["properties"]} == KNOWN
    good = {"vllm": "/src/vllm", "vllm-ascend": "/src", "max_num_seqs": 4, "tp": 2, "trust-remote-code": True}
    assert list(validator.iter_errors({**good, "patches": ["a.b"], "placement": "plugin"})) == []
    for wrong in ({"vlm": "x"}, {"port": 0}, {"placement": "nowhere"}, {"max_num_seqs": "4"}, {"chat": "yes"}):
        assert list(validator.iter_errors(wrong)), wrong
