"""``make bench-carried``: odd blocks that we made up, their statements carried over, served on one rank and on two.

Each block ends in an adapter that agrees with the source on both, or in a hole; anything else fails the benchmark.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codemods import Refusal
from scaffold.common.errors import ScaffoldError
from scaffold.placement.plugin import PLUGIN
from scaffold.planning.plan import make_plan
from scaffold.planning.request import Request
from tests.bench.coverage.environment import environment
from tests.bench.coverage.outcomes import Outcome, compare
from tests.bench.coverage.server import Server
from tests.lab.commands import run
from tests.lab.engine import engine
from tests.models.odd_blocks import Odd, write_odd
from tests.models.odd_variants import SERVED

TRUSTED = Path(__file__).parents[1] / "engine" / "trusted.py"
PROMPT = [(7 * i * i + 31 * i + 5) % 509 + 3 for i in range(40)]
RANKS = (1, 2)
PAGE = Path("docs/odd-blocks.md")
HEAD = """# Odd blocks

Written by `make bench-carried`: blocks of attention and MLPs that we made up, as odd as those of labs
(`tests/models/odd_variants.py` and `tests/models/odd_blocks.py`). What has no idiom is carried over
([carried-over.md](carried-over.md)). Each adapter is served alone and on two ranks, and compared with what
transformers computes from the source: *right* means log probabilities within 0.001, all greedy tokens the same; the
number is the largest difference. *Lines* are those of the source whose statements the adapter has.

| block | lines | alone | on two ranks | hole |
| --- | --- | --- | --- | --- |
"""


@dataclass
class Made:
    """What became of a block.

    Attributes:
        lines: of the source, carried over.
        hole: why there is no adapter; empty where there is one.
        served: ranks → outcome.
    """

    name: str
    folder: Path
    lines: int
    hole: str
    served: dict[int, Outcome]

    @property
    def checkpoint(self) -> Path:
        """Return where the checkpoint lies: transformers keeps code by the name of its folder."""
        return self.folder / re.sub(r"\W+", "_", self.name)

    @property
    def word(self) -> str:
        """Return how it ended."""
        if self.hole:
            return "hole"
        return "right" if all(one.right for one in self.served.values()) else "wrong"


def adapted(name: str, odd: Odd, folder: Path) -> Made:
    """Write a checkpoint and its adapter, a plugin in the folder."""
    made = Made(name, folder, 0, "", {})
    request = Request(
        checkpoint=write_odd(made.checkpoint, odd),
        vllm=engine().pristine,
        delivery=None,
        placement=PLUGIN.name,
        output=folder / "plugin",
        strategy="native",
        transformers=engine().transformers,
    )
    try:
        plan = make_plan(request)
    except (ScaffoldError, Refusal) as error:
        made.hole = error.found
        return made
    for path in plan.changes.paths:
        text = plan.changes.read(path)
        assert text is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        made.lines += sum(map(_count, re.findall(r"# modeling_corvus\.py:([\d, -]+)", text)))
    return made


def _count(lines: str) -> int:
    """Return how many lines ``46-47, 52`` names."""
    ends = [[int(end) for end in part.split("-")] for part in lines.split(",")]
    return sum(one[-1] - one[0] + 1 for one in ends)


def make_references(made: Sequence[Made]) -> None:
    """Let transformers answer for each checkpoint, in one process."""
    asked = [[str(one.checkpoint), PROMPT, str(one.folder / "reference.json")] for one in made]
    run(environment().python, TRUSTED, "--references", json.dumps(asked))


def serve(made: Made, ranks: int, server: Server) -> Outcome:
    """Serve an adapter on so many ranks."""
    reference = json.loads((made.folder / "reference.json").read_text())
    job = {
        "name": f"{made.checkpoint.name}-{ranks}",
        "checkpoint": str(made.checkpoint),
        "prompt": PROMPT,
        "new_tokens": len(reference["greedy"]),
        "model_impl": "vllm",
        "plugin": [str(made.folder / "plugin" / "src"), "vllm_corvus"],
        "options": {"tensor_parallel_size": ranks},
    }
    return compare(reference, server.ask(job))


def measure(blocks: Mapping[str, Odd], folder: Path) -> Iterator[Made]:
    """Yield what becomes of each block, as soon as it is known."""
    made = [adapted(name, odd, folder / str(number)) for number, (name, odd) in enumerate(blocks.items())]
    make_references([one for one in made if not one.hole])
    with Server(environment(), folder / "logs", TRUSTED) as server:
        for one in made:
            if not one.hole:
                one.served = {ranks: serve(one, ranks, server) for ranks in RANKS}
            yield one


def line(made: Made) -> str:
    """Return a row of the table."""
    cells = [made.name, str(made.lines or ""), *("" for _ in RANKS), made.hole.replace("|", "\\|")]
    for place, outcome in enumerate(made.served.values(), 2):
        number = "" if outcome.difference is None else f", {outcome.difference:.1e}"
        cells[place] = "right" + number if outcome.right else f"**{outcome.word}**"
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Run the benchmark; 0 if every block is right on all ranks or a hole."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.carried")
    parser.add_argument("--only", default="", help="part of the names of blocks")
    only = parser.parse_args().only
    found: list[Made] = []
    with tempfile.TemporaryDirectory() as folder:
        for made in measure({name: odd for name, odd in SERVED.items() if only in name}, Path(folder)):
            found.append(made)
            print(line(made), flush=True)
            for outcome in made.served.values():
                if outcome.error:
                    print(outcome.error, file=sys.stderr)
    counts: Counter[str] = Counter(one.word for one in found)
    said = f"{len(found)} blocks: " + ", ".join(f"{counts[word]} {word}" for word in ("right", "hole", "wrong"))
    print(said)
    if not only:
        PAGE.write_text(HEAD + "".join(f"{line(one)}\n" for one in found) + f"\n{said}.\n")
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
