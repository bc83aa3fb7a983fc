"""Results files in the form that ``lm_eval`` writes, with figures that we made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def results(**changed: Any) -> dict[str, Any]:
    return {
        "results": {
            "count": {
                "alias": "count",
                "exact_match,none": 0.8125,
                "exact_match_stderr,none": 0.01,
                "acc,strict": 0.71239999,
                "acc_stderr,strict": "N/A",
            }
        },
        "n-shot": {"count": 3},
        "n-samples": {"count": {"original": 64, "effective": 16}},
        "config": {"model": "local-completions", "model_args": {"model": "good", "base_url": "http://x/v1"}},
        "date": 1795774500.25,
        "lm_eval_version": "0.4.13",
        "chat_template": None,
        "fewshot_as_multiturn": False,
        **changed,
    }


def write_results(path: Path, **changed: Any) -> Path:
    path.write_text(json.dumps(results(**changed)))
    return path
