"""What gates showed, as a tutorial has it: the command that served, its requests and answers, features, capacity."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scaffold.delivery.sign_off import NPU
from scaffold_validators.openai_api import Exchange
from scaffold_validators.results.feature import State
from scaffold_validators.stages.table import stage_named
from scaffold_validators.verdict import Verdict

PORT = "8000"
"""What tutorials use, whatever port was free when the gate ran."""
OWN_VARIABLES = ("PYTHONPATH", "VLLM_PLUGINS", "PYTHONFAULTHANDLER")
"""Variables that a gate sets for itself; no reader needs them."""
LONGEST_TEXT = 400
"""Characters of one text of a request, such as an image as base64, that are shown."""
STARTED = re.compile(r"INFO:\s+(?:Started server process|Waiting for application startup|Application startup complete)")


SERVED = ("command", "stage", "device", "ranks", "versions", "startup")
"""What a tutorial says of a server that passed."""


def shown(verdicts: Sequence[Verdict], place: str) -> dict[str, Any]:
    """Return the part of a tutorial's context that gates showed.

    Args:
        verdicts: those that hold for what is delivered.
        place: what a reader tells the server to load.
    """
    best = served(verdicts)
    return {
        "serve": _serve(best, place) if best is not None else dict.fromkeys(SERVED, ""),
        "requests": {"rows": list(_requests(best))} if best is not None else {"rows": []},
        "features": {"rows": list(_features(verdicts))},
        "capacity": _capacity(verdicts),
    }


def served(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return the verdict whose command a tutorial gives: passed with real weights, on an NPU where there is one."""
    passed = [v for v in verdicts if v.passed and _serves_whole(v) and any(e.answered for e in v.exchanges)]
    return min(passed, key=lambda v: (v.device != NPU, v.stage != "real", v.tensor_parallel_size), default=None)


def served_on_npu(verdicts: Sequence[Verdict]) -> bool:
    """Return whether real weights were served on an NPU; random ones prove no model."""
    return any(v.passed and v.device == NPU and _serves_whole(v) for v in verdicts)


def _serves_whole(verdict: Verdict) -> bool:
    """Return whether a stage serves the whole checkpoint with its own weights, as stage real does."""
    return stage_named(verdict.stage).starts == stage_named("real").starts


def _serve(verdict: Verdict, place: str) -> dict[str, str]:
    variables, words = _split(verdict.command)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items() if name not in OWN_VARIABLES]
    return {
        "command": "\n".join([*lines, *([""] if lines else []), *_command(words, place)]),
        "stage": stage_named(verdict.stage).title,
        "device": verdict.device.upper(),
        "ranks": str(verdict.tensor_parallel_size),
        "versions": ", ".join(f"{name} {version}" for name, version in sorted(verdict.versions.items())),
        "startup": "\n".join(_startup(Path(verdict.log))),
    }


def _split(command: str) -> tuple[Mapping[str, str], list[str]]:
    """Return the variables in front of a command, and its words."""
    words = shlex.split(command)
    first = next((i for i, word in enumerate(words) if "=" not in word), len(words))
    return dict(word.split("=", 1) for word in words[:first]), words[first:]


def _command(words: Sequence[str], place: str) -> list[str]:
    """Return ``vllm serve`` in lines, an option each, with a reader's place and port."""
    rest = list(words[3:])
    options: list[list[str]] = []
    for word in rest:
        if word.startswith("-") and not _is_number(word):
            options.append([word])
        elif options:
            options[-1].append(word)
        else:
            options.append([word])
    lines = [f"vllm serve {quoted(place)}"]
    for name, *values in options:
        shown_values = [PORT] if name == "--port" else values
        lines.append("    " + " ".join([name, *map(shlex.quote, shown_values)]))
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def quoted(place: str) -> str:
    """Return a place as a shell takes it; a placeholder is replaced by the reader before."""
    return place if place.startswith("<") and place.endswith(">") else shlex.quote(place)


def _is_number(word: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", word) is not None


def _startup(log: Path) -> Iterator[str]:
    """Yield the lines of a server's log that say that it is ready."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        found = STARTED.search(line)
        if found:
            yield line[found.start() :].rstrip()[:LONGEST_TEXT]


def _requests(verdict: Verdict) -> Iterator[dict[str, str]]:
    """Yield the first request for text, and the first with an image, with their answers."""
    answered = [e for e in verdict.exchanges if e.answered and e.request is not None]
    for wanted in (False, True):
        found = next((e for e in answered if _has_image(e) is wanted), None)
        if found is not None:
            yield {"curl": curl(found.path, found.request or {}), "answer": _answer(found)}


def _has_image(exchange: Exchange) -> bool:
    return "image_url" in json.dumps(exchange.request)


def curl(path: str, body: Mapping[str, Any]) -> str:
    """Return a request as a command."""
    return (
        f"curl http://localhost:{PORT}{path} \\\n"
        "    -H 'Content-Type: application/json' \\\n"
        f"    -d {shlex.quote(as_json(body))}"
    )


def _answer(exchange: Exchange) -> str:
    return as_json(_without_nothing(exchange.body))


def _short(value: Any) -> Any:
    """Return a value of JSON with its long texts cut."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else f"{value[: LONGEST_TEXT // 8]}..."
    if isinstance(value, Mapping):
        return {key: _short(item) for key, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, list | tuple) else value


def _without_nothing(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nothing(item) for key, item in value.items() if item is not None}
    return [_without_nothing(item) for item in value] if isinstance(value, list) else value


def _features(verdicts: Sequence[Verdict]) -> Iterator[dict[str, str]]:
    for verdict in verdicts:
        for row in verdict.features:
            known = row.evidence if row.state is not State.NOT_TRIED else row.evidence or "–"
            yield {
                "feature": cell(row.feature),
                "state": row.state.sign,
                "device": verdict.device.upper() or "–",
                "evidence": cell(known),
            }


def _capacity(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return what stage capacity measured; empty where it was not run."""
    found = next((v for v in verdicts if v.capacity is not None), None)
    if found is None or found.capacity is None:
        return {"practical": ""}
    measured = found.capacity
    return {
        "device": found.device.upper(),
        "theoretical": _count(measured.theoretical_len),
        "practical": "none" if measured.practical_len is None else _count(measured.practical_len),
        "kv_cache": _count(measured.kv_cache_tokens),
        "ranks": str(found.tensor_parallel_size),
        "loads": {
            "rows": [
                {
                    "sequences": str(load.sequences),
                    "answered": str(load.answered),
                    "tokens": f"{load.tokens:,}",
                    "seconds": f"{load.seconds:.1f}",
                }
                for load in measured.loads
            ]
        },
    }


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def cell(text: str) -> str:
    """Return a text for one cell of a table: no mark of it ends the cell, a tag or a link."""
    return " ".join(text.split()).replace("|", "/").replace("<", "&lt;")


_MACRO = re.compile(r"\{(?=[{%#])(?!\{ vllm_ascend_version \}\})")


def inert(page: str) -> str:
    """Return a page of which MkDocs' macros evaluate the version alone, whatever a checkpoint or a model says."""
    return _MACRO.sub("{ ", page)


def as_json(value: Any) -> str:
    """Return JSON in which nothing looks like a macro of MkDocs."""
    text = json.dumps(_short(value), indent=4, ensure_ascii=False)
    return _MACRO.sub(lambda found: "\\u007b", text)
