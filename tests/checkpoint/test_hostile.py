"""Checkpoints of a stranger: each damage is one error that names file and key or byte; links, devices, names."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.about import about
from scaffold.checkpoint.read import read_checkpoint
from scaffold.checkpoint.text import printable, shown
from scaffold.common.errors import CheckpointError
from tests.checkpoint.made import checkpoint, shard
from tests.sampled import costly

PLAIN = {"model.embed_tokens.weight": ("BF16", (4, 4)), "lm_head.weight": ("BF16", (4, 4))}
INDEX = "model.safetensors.index.json"


def refused(path: Path) -> CheckpointError:
    with pytest.raises(CheckpointError) as error:
        about(read_checkpoint(path))
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 2000
    return error.value


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"hidden_size": "4096"}, "hidden_size"),
    ({"hidden_size": True}, "hidden_size"),
    ({"hidden_size": 4096.0}, "hidden_size"),
    ({"hidden_size": -1}, "hidden_size"),
    ({"hidden_size": 0}, "hidden_size"),
    ({"hidden_size": 2**64}, "hidden_size"),
    ({"num_hidden_layers": 10**9}, "num_hidden_layers"),
    ({"num_hidden_layers": [1]}, "num_hidden_layers"),
    ({"num_key_value_heads": [1, "2"]}, "num_key_value_heads"),
    ({"num_key_value_heads": [1, 2, 3]}, "num_key_value_heads"),
    ({"rms_norm_eps": "1e-6"}, "rms_norm_eps"),
    ({"rope_theta": float("nan")}, "rope_theta"),
    ({"rope_theta": float("inf")}, "rope_theta"),
    ({"tie_word_embeddings": 1}, "tie_word_embeddings"),
    ({"layer_types": "full_attention"}, "layer_types"),
    ({"layer_types": [1]}, "layer_types"),
    ({"rope_parameters": []}, "rope_parameters"),
    ({"rope_parameters": {"rope_theta": "x"}}, "rope_parameters.rope_theta"),
    ({"rope_scaling": {"type": 7}}, "rope_scaling.type"),
    ({"rope_parameters": {"full_attention": {"factor": [1]}}}, "rope_parameters.'full_attention'.factor"),
    ({"text_config": 7}, "text_config"),
    ({"text_config": {"hidden_size": {}}}, "text_config.hidden_size"),
    ({"vision_config": "x"}, "vision_config"),
    ({"quantization_config": "fp8"}, "quantization_config"),
    ({"quantization_config": {"quant_method": 8}}, "quantization_config.quant_method"),
    ({"quantization_config": {"weight_block_size": [0, 128]}}, "quantization_config.weight_block_size"),
    ({"architectures": "X"}, "architectures"),
    ({"architectures": []}, "architectures"),
    ({"architectures": ["import os"]}, "architectures[0]"),
    ({"model_type": "../x"}, "model_type"),
    ({"model_type": None}, "model_type"),
    *(({"model_type": f"a{mark}b"}, "model_type") for mark in "\"'`\\/|,; \n\x1b\u202e"),
    ({"auto_map": "x"}, "auto_map"),
    ({"torch_dtype": 16}, "torch_dtype"),
    ({"num_experts_per_tok": "2"}, "num_experts_per_tok"),
)


@pytest.mark.parametrize(("config", "key"), WRONG)
def test_a_config_value_of_the_wrong_type_names_its_key(tmp_path: Path, config: dict[str, Any], key: str) -> None:
    error = refused(checkpoint(tmp_path / "c", PLAIN, **config))
    assert error.where == f"config.json, {key}"


FINE: tuple[dict[str, Any], ...] = (
    {"num_key_value_heads": None, "sliding_window": None, "rope_scaling": None, "quantization_config": None},
    {"intermediate_size": [1, 2], "num_key_value_heads": [4, None]},
    {"sliding_window": -1, "n_group": 0, "rope_theta": 10000, "routed_scaling_factor": 2.5},
    {"time_step_limit": [0.0, float("inf")]},  # Mamba-2
    *({"model_type": word} for word in ("MoE++", "2:b", "a=b", "模型")),
    {"model_type": "a.b-c_1", "unknown": {"anything": [float("nan")]}},
    {"name": "{{ 7 * 7 }} ' \" ; $(touch x) `id` \n ../../etc \x1b]0;title\x07"},
)


@pytest.mark.parametrize("config", FINE)
def test_what_published_configs_have_is_taken(tmp_path: Path, config: dict[str, Any]) -> None:
    read_checkpoint(checkpoint(tmp_path / "c", PLAIN, **config))


JSON: tuple[tuple[bytes, str], ...] = (
    (b"", "invalid JSON"),
    (b"[1]", "a JSON list"),
    (b"\xff\xfe{\x00}\x00", "not UTF-8 at byte 0"),
    (b"\xef\xbb\xbf{}", "invalid JSON"),
    (b'{"a": 1, "a": 1}', "the key 'a' twice"),
    (b'{"a":' * 70 + b"1" + b"}" * 70, "nested more than 64 levels"),
    (b"[" * 10**6, "nested too deeply"),
    (b'{"a": ' + b"9" * 5000 + b"}", "invalid JSON"),
    (b'{"a": "\\ud83d"}', "half of a pair"),
    (b'{"a": "' + b"x" * 33_000_000 + b'"}', "33,000,009 bytes"),
)


@pytest.mark.parametrize(("raw", "says"), JSON, ids=range(len(JSON)))
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_damaged_json_is_one_error(tmp_path: Path, raw: bytes, says: str, name: str) -> None:
    path = checkpoint(tmp_path / "c", PLAIN)
    (path / name).write_bytes(raw)
    error = refused(path)
    assert says in error.found
    assert error.where == name


def test_a_document_of_many_values_is_not_parsed(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "c", PLAIN)
    (path / INDEX).write_bytes(b'{"a":[' + b"[]," * 10_000_000 + b"[]]}")
    assert "more values than any checkpoint has" in refused(path).found


def index(path: Path, weight_map: Any) -> Path:
    (path / INDEX).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))
    return path


MAPS: tuple[tuple[Any, str], ...] = (
    ({}, "no weight_map"),
    ([], "no weight_map"),
    (dict.fromkeys([*PLAIN, "x"], "model.safetensors"), "the tensor 'x' in no shard"),
    ({**dict.fromkeys(PLAIN, "model.safetensors"), "lm_head.weight": "b.safetensors"}, "'lm_head.weight' in model"),
    (dict.fromkeys(PLAIN, "../model.safetensors"), "the shard name '../model.safetensors'"),
    (dict.fromkeys(PLAIN, "/etc/model.safetensors"), "the shard name '/etc/model.safetensors'"),
    (dict.fromkeys(PLAIN, "model.bin"), "the shard name 'model.bin'"),
    (dict.fromkeys(PLAIN, "a\n\x1b[31m.safetensors"), r"the shard name 'a\n\x1b[31m.safetensors'"),
    ({**dict.fromkeys(PLAIN, "model.safetensors"), "x": 7}, "the shard name 7 of 'x'"),
    ({**dict.fromkeys(PLAIN, "model.safetensors"), "x": ["model.safetensors"]}, "of 'x'"),
    ({**dict.fromkeys(PLAIN, "not-there.safetensors"), "x": "not-there.safetensors"}, "no file not-there.safetensors"),
)


@pytest.mark.parametrize(("weight_map", "says"), MAPS, ids=range(len(MAPS)))
def test_index_and_shards_that_disagree(tmp_path: Path, weight_map: Any, says: str) -> None:
    path = checkpoint(tmp_path / "c", PLAIN)
    shard(path / "b.safetensors", {"other": ("BF16", (2,))})
    assert says in refused(index(path, weight_map)).found


def test_tensors_that_the_index_does_not_name_are_read_and_told(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "c", PLAIN)
    read = read_checkpoint(index(path, {"lm_head.weight": "model.safetensors"}))
    assert set(read.tensors) == set(PLAIN)
    (note,) = read.weights.notes
    assert note == (
        "one tensor in the shards that the index does not name, "
        "such as 'model.embed_tokens.weight': vLLM loads them with their file all the same"
    )


def test_an_index_of_other_files_than_those_that_are_there(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "c", PLAIN)
    shard(path / "second.safetensors", {"other": ("BF16", (2,))})
    old = {name: f"model-{n:05d}-of-00030.safetensors" for n, name in enumerate([*PLAIN, "other"], 1)}
    error = refused(index(path, old))
    assert error.found == (
        f"no file model-00001-of-00030.safetensors, nor {len(PLAIN)} others, and all their tensors in other files, "
        "such as 'model.safetensors'"
    )
    assert (error.where, error.expected) == (INDEX, "the index of the files that are there: this one is stale")
    (path / INDEX).unlink()
    (path / "model.safetensors").rename(path / "first.safetensors")
    assert set(read_checkpoint(path).tensors) == {*PLAIN, "other"}


def test_an_index_of_files_that_are_not_there_is_no_stale_one_where_tensors_lack(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "c", PLAIN)
    assert refused(index(path, {**dict.fromkeys(PLAIN, "a.safetensors"), "x": "b.safetensors"})).found.startswith(
        "no file a"
    )


def test_an_index_with_a_key_twice(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "c", PLAIN)
    entries = ", ".join(f'"{name}": "model.safetensors"' for name in (*PLAIN, "lm_head.weight"))
    (path / INDEX).write_text('{"weight_map": {' + entries + "}}")
    assert "the key 'lm_head.weight' twice" in refused(path).found


def test_a_tensor_in_two_shards(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "c", PLAIN)
    (path / "model.safetensors").rename(path / "a.safetensors")
    shard(path / "b.safetensors", {"lm_head.weight": ("BF16", (4, 4))})
    error = refused(path)
    assert (error.found, error.where) == ("the tensor 'lm_head.weight' a second time", "b.safetensors")
    index(path, {"model.embed_tokens.weight": "a.safetensors", "lm_head.weight": "b.safetensors"})
    assert refused(path).found == "the tensor 'lm_head.weight' a second time"


def test_many_shards_without_an_index(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "c", PLAIN)
    (path / "model.safetensors").rename(path / "a.safetensors")
    shard(path / "b.safetensors", {"other": ("BF16", (2,))})
    shard(path / "consolidated-00001-of-00001.safetensors", {"tok_embeddings.weight": ("BF16", (4, 4))})
    read = read_checkpoint(path)
    assert set(read.tensors) == {*PLAIN, "other"}
    assert read.weights.shards == ("a.safetensors", "b.safetensors")
    assert "1 consolidated*.safetensors left out" in read.weights.notes[0]


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.gguf", "model.pt"])
def test_pickled_and_other_weights_are_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    path = checkpoint(tmp_path / "c", PLAIN)
    (path / "model.safetensors").rename(path / name)
    error = refused(path)
    assert f"only '{name}'" in error.found
    assert "convert" in error.remedy


def test_no_weights_at_all(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "c", {})
    assert refused(path).found == "no tensors"
    (path / "model.safetensors").unlink()
    assert refused(path).found == "no safetensors files"


def replace(path: Path, make: Callable[[Path], object]) -> Path:
    path.unlink(missing_ok=True)
    make(path)
    return path


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", INDEX, "tokenizer_config.json"])
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.symlink_to("/etc/passwd"), "a link to"),
        (lambda path: path.symlink_to("/dev/zero"), "a link to"),
        (lambda path: path.symlink_to("nowhere"), "a link to nothing"),
        (lambda path: path.symlink_to(path.name), "Too many levels"),
        (lambda path: os.mkfifo(path), "a FIFO"),
        (lambda path: path.mkdir(), "a directory"),
    ],
    ids=["outside", "device", "dangling", "loop", "fifo", "directory"],
)
def test_what_is_no_file_of_the_directory_is_refused(
    tmp_path: Path, name: str, make: Callable[[Path], object], says: str
) -> None:
    path = checkpoint(tmp_path / "c", PLAIN)
    replace(path / name, make)
    error = refused(path)
    assert says in error.found
    assert name in error.where


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = checkpoint(tmp_path / "c", PLAIN)
    monkeypatch.chdir(path)  # a socket's path is short
    (path / "config.json").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("config.json")
        assert refused(path).found == "a socket"


def test_custom_code_that_is_a_link_out_is_refused(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "c", PLAIN, auto_map={"AutoModelForCausalLM": "modeling_made.Made"})
    (tmp_path / "secret.py").write_text("class Made: pass")
    (path / "modeling_made.py").symlink_to(tmp_path / "secret.py")
    assert refused(path).where == "modeling_made.py"


def test_links_inside_of_the_directory_and_in_a_hub_cache_are_followed(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "c", PLAIN)
    (path / "model.safetensors").rename(path / "weights")
    (path / "model.safetensors").symlink_to("weights")
    read_checkpoint(path)

    repo = tmp_path / "hub" / "models--a--b"
    snapshot, blobs = repo / "snapshots" / "0123", repo / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for name in ("config.json", "model.safetensors"):
        (path / name).resolve().rename(blobs / f"hash-of-{name}")
        (snapshot / name).symlink_to(Path("..", "..", "blobs", f"hash-of-{name}"))
    read = read_checkpoint(snapshot)
    assert set(read.tensors) == set(PLAIN)
    linked = tmp_path / "linked"
    linked.symlink_to(snapshot)
    assert set(read_checkpoint(linked).tensors) == set(PLAIN)

    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to("../../refs")
    assert "a link to" in refused(snapshot).found or "nothing" in refused(snapshot).found


@costly
def test_a_header_of_100_mb_is_bounded(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "c", PLAIN)
    raw = b'{"a":[' + b"0," * 45_000_000 + b"0]}"
    with (path / "model.safetensors").open("wb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
    assert "more values than any checkpoint has" in refused(path).found
    with (path / "model.safetensors").open("wb") as file:
        file.write((2**63).to_bytes(8, "little"))
        file.truncate(2**40)
    assert "a header of 9,223,372,036,854,775,808 bytes" in refused(path).found


def test_text_is_shown_escaped_and_cut() -> None:
    assert printable("a\x1b[31m\nb\u202e\ud800é名") == r"a\x1b[31m\nb\u202e\ud800é名"
    assert len(shown("x" * 10**6)) <= 200
    assert shown(list(range(100))) == "a list of 100"
    assert shown({"a": 1}) == "an object with 1 keys"
    assert shown(10**5000) == "a number of many digits"
    assert shown([2.0, "a\n"]) == r"[2.0, 'a\n']"
