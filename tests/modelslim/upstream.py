"""vllm-ascend's own answer to which layer gets which quantisation, from its fetched tree in the engine's Python."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scaffold.modelslim.asked import Asked, asked, kind_of
from scaffold.modelslim.description import Description
from scaffold.modelslim.layers import ROW_PARALLEL, Handed, Layer
from scaffold.modelslim.upstream import Upstream
from tests.lab.engine import engine
from tests.lab.trees import ascend_source

JOB = Path(__file__).with_name("upstream_job.py")
TABLES = Path("vllm_ascend", "quantization", "modelslim_config.py")
CLASSES = {
    "FLOAT": "FLOAT", "W8A8": "AscendW8A8LinearMethod", "W8A8_MIX": "AscendW8A8PDMixLinearMethod",
    "W8A16": "AscendW8A16LinearMethod", "W8A8_DYNAMIC linear": "AscendW8A8DynamicLinearMethod",
    "W8A8_DYNAMIC moe": "AscendW8A8DynamicFusedMoEMethod", "W4A8_DYNAMIC linear": "AscendW4A8DynamicLinearMethod",
    "W4A8_DYNAMIC moe": "AscendW4A8DynamicFusedMoEMethod", "W4A16": "AscendW4A16FusedMoEMethod",
}  # fmt: skip
"""Word, with the kind of layer where that matters → the class of the scheme."""


def without_rows(folder: Path, model_types: Iterable[str]) -> Path:
    """Make a tree of vllm-ascend's quantisation whose tables lack the rows of model types."""
    source = ascend_source()
    shutil.copytree(source / TABLES.parent, folder / TABLES.parent, dirs_exist_ok=True)
    text = (source / TABLES).read_text()
    for model_type in model_types:
        text = re.sub(rf'^    "{model_type}": {{\n(?:        .*\n)*    }},\n', "", text, flags=re.MULTILINE)
    (folder / TABLES).write_text(text)
    return folder


def case(
    said: Description, events: Sequence[Layer | Handed], tables: str | None = None, sizes: Mapping[str, Any] = {}
) -> dict[str, Any]:  # fmt: skip
    """Return a case for the job."""
    return {
        "tables": tables,
        "description": {**said.settings, **said.words},
        "events": [_event(one, sizes) for one in events],
    }


def _event(one: Layer | Handed, sizes: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(one, Layer):
        return {"is": "layer", "path": one.path, "prefix": one.prefix, "kind": one.kind, "asked_as": one.asked_as,
                "sizes": sizes.get(one.path), "is_row": one.layer == ROW_PARALLEL}  # fmt: skip
    mapper = one.mapper and {
        f"orig_to_new_{kind}": dict(getattr(one.mapper, kind)) for kind in ("substr", "prefix", "suffix")
    }
    return {"is": "handed", "mapper": mapper, "owner": one.owner, "packed": one.packed, "replaces": one.replaces}


def resolve(cases: Sequence[Mapping[str, Any]], tree: Path | None = None) -> list[dict[str, Any]]:
    """Run the cases in the engine's Python and return what each layer got."""
    made = engine()
    document = json.dumps({"tree": str(tree or ascend_source()), "cases": list(cases)})
    environment = {**os.environ, "PYTHONPATH": str(made.pristine), "VLLM_PLUGINS": "", "VLLM_LOGGING_LEVEL": "CRITICAL"}
    done = subprocess.run(
        [made.python, JOB], input=document, capture_output=True, text=True, check=False, env=environment, timeout=600
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[dict[str, Any]] = json.loads(done.stdout.rsplit("\n", 2)[-2])
    return found


def ours(said: Description, events: Sequence[Layer | Handed], upstream: Upstream) -> list[Asked]:
    """Return our own answers, as vLLM's release of the engine hands mappers over."""
    words = upstream.renames.entries(said.words, said.settings)
    return list(asked(events, words, upstream, has_rename_mapper=True))


def agrees(one: Asked, theirs: Mapping[str, Any], upstream: Upstream) -> bool:
    """Return whether our answer is theirs: the same scheme, or the same failure."""
    got = theirs["got"]
    if one.missing:  # the parts are asked one after the other: two that differ before the first that is missing end it
        asked_before = one.entries.index(one.missing[0])
        differ = len({word == "FLOAT" for word in one.words[:asked_before]}) > 1
        return bool(got == ("ValueError" if differ else "KeyError"))
    if not one.word:
        return bool(got == "ValueError")
    kind = kind_of(one.layer)
    if one.word != "FLOAT" and (one.word, kind) not in (upstream.schemes or ()):
        return bool(got == "NotImplementedError")
    return bool(got == CLASSES.get(one.word, CLASSES.get(f"{one.word} {kind}")))
