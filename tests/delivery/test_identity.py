"""What a model is called: where it is published, in documents, and in paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.common.errors import UsageError
from scaffold.common.names import model_id, model_name

SNAPSHOT = "models--Qwen--Qwen3-8B/snapshots/" + "0123456789abcdef0123" * 2


def folder(root: Path, name: str) -> Path:
    (root / name).mkdir(parents=True)
    return root / name


@pytest.mark.parametrize(
    ("where", "given", "name"),
    [
        ("Qwen3-8B", None, "Qwen3-8B"),
        ("Qwen3-8B", "other", "other"),
        (SNAPSHOT, None, "Qwen3-8B"),
        ("models--gpt2/snapshots/main", None, "main"),
    ],
)
def test_the_name_is_given_or_of_the_hub_or_the_folders(tmp_path: Path, where: str, given: str, name: str) -> None:
    assert model_name(given, folder(tmp_path, where)) == name


@pytest.mark.parametrize(("folder", "near"), [("模型-7B", "7B"), ("模型", "My-Model"), ("通义 Qwen 3", "Qwen-3")])
def test_a_name_that_cannot_be_used_is_refused_with_one_that_can(tmp_path: Path, folder: str, near: str) -> None:
    with pytest.raises(UsageError) as refused:
        model_name(None, tmp_path / folder)
    assert refused.value.remedy.endswith(f"--name {near}")
    assert model_name(near, tmp_path / folder) == near


@pytest.mark.parametrize("where", ["0123456789abcdef0123" * 2, "a b", "..x", "-x"])
def test_a_snapshots_hash_is_never_a_name(tmp_path: Path, where: str) -> None:
    with pytest.raises(UsageError, match="the model name"):
        model_name(None, folder(tmp_path, where))


@pytest.mark.parametrize(
    ("where", "given", "stated", "expected"),
    [
        ("nova", "org/nova-7b", None, "org/nova-7b"),
        (SNAPSHOT, None, None, "Qwen/Qwen3-8B"),
        ("nova", None, "org/Nova", "org/Nova"),
        ("nova-finetuned", None, "org/nova", "nova-finetuned"),  # that is what it was made of
        ("nova", None, "/data/nova", "nova"),
        ("nova", None, 7, "nova"),
        ("nova", None, None, "nova"),
    ],
)
def test_the_id_is_given_or_of_the_hub_or_the_configs_where_that_is_this_model(
    tmp_path: Path, where: str, given: str | None, stated: object, expected: str
) -> None:
    checkpoint = folder(tmp_path, where)
    config = {} if stated is None else {"_name_or_path": stated}
    assert model_id(given, model_name(None, checkpoint), checkpoint, config) == expected


@pytest.mark.parametrize("given", ["nova", "a/b/c", "/nova", "org/..", "org/no va", "https://x/y"])
def test_an_id_is_org_and_name(tmp_path: Path, given: str) -> None:
    with pytest.raises(UsageError, match=r"--model-id.*org/name"):
        model_id(given, "nova", tmp_path, {})
