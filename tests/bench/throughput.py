"""``make bench-throughput``: tokens per second of mid-size random models, three ways side by side in one run.

Adapter, vLLM's own model and the Transformers backend take turns (A B C A B C …), each in a fork of one process; the
ratio is that of medians over all rounds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.coverage.environment import environment
from tests.bench.coverage.generate import Generated, generate
from tests.bench.coverage.measure import architecture, registered
from tests.bench.coverage.rows import COMMON, Row, make_rows, over
from tests.bench.coverage.server import Server
from tests.lab.engine import engine

PAGE = Path("docs/throughput.md")
FOLDER = Path(".bench/throughput")
MID_SIZED = {
    **COMMON,
    "hidden_size": 1024,
    "num_hidden_layers": 12,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
    "head_dim": 64,
    "vocab_size": 8192,
}
MODELS: dict[str, dict[str, Any]] = {
    "qwen3": {"intermediate_size": 3072},
    "gemma2": {"intermediate_size": 3072, "query_pre_attn_scalar": 64, "tie_word_embeddings": True},
    "mixtral": {"intermediate_size": 1024, "num_local_experts": 8, "num_experts_per_tok": 2},
    "gpt_oss": {"intermediate_size": 1024, "num_local_experts": 8, "num_experts_per_tok": 2},
}
TIMED = {"prompts": 8, "prompt_tokens": 64, "new_tokens": 64, "repeats": 3}
OPTIONS = {"max_num_seqs": 8}
GOAL = 0.97


def rates(row: Row, generated: Generated, server: Server, rounds: int) -> dict[str, list[float]]:
    """Return tokens per second by way; a way that cannot serve the model has none."""
    assert generated.plugin is not None
    ways: dict[str, tuple[str, list[str] | None]] = {
        "adapter": ("vllm", [str(generated.plugin / "src"), str(generated.package)]),
        "native": ("vllm", None),
        "backend": ("transformers", None),
    }
    if architecture(row) not in registered(engine().pristine):
        del ways["native"]
    found: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, (implementation, plugin) in ways.items():
            job = {"name": f"{row.model_type}-{way}", "checkpoint": str(row.checkpoint), "model_impl": implementation}
            answer = server.ask({**job, "plugin": plugin, "options": OPTIONS, "timed": TIMED})
            found[way] += answer.get("rates", [])
            if "error" in answer:
                print(f"  {row.model_type}, {way}: {answer['error'][:200]} ({answer['log']})", flush=True)
    return found


def cells(name: str, found: dict[str, list[float]]) -> list[str]:
    """Return a model's line of the table."""
    middle = {way: median(values) for way, values in found.items() if values}
    own = middle.get("adapter")
    numbers = [f"{middle[way]:.1f}" if way in middle else "fails" for way in ("adapter", "native", "backend")]
    ratios = [f"{own / middle[way]:.2f}" if own and way in middle else "–" for way in ("native", "backend")]
    return [name, *numbers, *ratios]


def document(lines: list[list[str]], rounds: int) -> str:
    """Return the page."""
    head = ["model", "adapter", "vLLM's own", "Transformers backend", "adapter / own", "adapter / backend"]
    table = [head, ["---"] * len(head), *lines]
    return (
        "# Throughput\n\n"
        f"Generated tokens per second on the CPU engine (vLLM {engine().version}, float32, eager), as `make "
        f"bench-throughput` measures them: random models of hidden size 1024 and 12 layers, {TIMED['prompts']} prompts "
        f"of {TIMED['prompt_tokens']} tokens, {TIMED['new_tokens']} new tokens each; the three ways take turns for "
        f"{rounds} rounds of {TIMED['repeats']} runs, and medians are compared. No NPU was measured.\n\n"
        + "\n".join(f"| {' | '.join(line)} |" for line in table)
        + "\n"
    )


def main() -> int:
    """Run the benchmark; 1 if an adapter is slower than vLLM's own model by more than the goal allows."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.throughput")
    parser.add_argument("--only", default="", help="models, such as qwen3,gemma2; docs/throughput.md stays as it is")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    chosen = asked.only.replace(",", " ").split() or list(MODELS)
    made = [Row(f"{name}@mid", over(MID_SIZED, MODELS[name]), False, 40) for name in chosen]
    make_rows(made)
    place, lines, slow = environment(), [], False
    with Server(place, (FOLDER / "logs").resolve()) as server:
        for row in made:
            generated = generate(row, place, (FOLDER / row.model_type).resolve())
            if generated.plugin is None:
                lines.append([row.model_type, "no adapter", *["–"] * 4])
                print(f"  {row.model_type}: {generated.errors[-300:]}")
                continue
            found = rates(row, generated, server, asked.rounds)
            lines.append(cells(row.model_type, found))
            print("  ".join(lines[-1]), json.dumps(found), flush=True)
            if found["adapter"] and found.get("native"):
                slow |= median(found["adapter"]) < GOAL * median(found["native"])
    if not asked.only:
        PAGE.write_text(document(lines, asked.rounds), encoding="utf-8")
        print(f"written: {PAGE}")
    return 1 if slow else 0


if __name__ == "__main__":
    raise SystemExit(main())
