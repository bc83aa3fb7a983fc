"""In which dtype a server computes, by its log."""

from __future__ import annotations

from scaffold_validators.parity.dtype import served_dtype

LINE = (
    "(EngineCore pid=7) INFO 11-27 06:00:00 [core.py:134] Initializing a V1 LLM engine (v0.32.0) with config: "
    "model='/m', tokenizer='/m', revision=None, dtype=torch.{dtype}, max_seq_len=512, kv_cache_dtype=auto"
)


def test_the_engines_own_line_tells() -> None:
    log = "INFO args: {'dtype': 'auto'}\n" + LINE.format(dtype="bfloat16") + "\nINFO model dtype=torch.float32\n"
    assert served_dtype(log) == "bfloat16"
    assert served_dtype(LINE.format(dtype="float32")) == "float32"


def test_without_it_nothing_is_assumed() -> None:
    assert served_dtype("INFO Casting torch.float32 to torch.bfloat16.\nINFO dtype=torch.float16") is None
