"""Coverage-guided fuzzing of the interpreter of modeling source: ``make fuzz-source MINUTES=20``.

It looks for sources that end in another error than the clean ones, take too much time or memory, or change the process.
What is found lies in the work directory as ``found-*.py``, one for each place; ``--one FILE`` runs it again.
``--transformers DIR`` starts from the models of an installed transformers as well.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.source import target


def main() -> int:
    """Run it in a process of its own, which the fuzzer ends; return 1 if anything was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--transformers", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--one", type=Path)
    given = parser.parse_args()
    work = given.work or Path(tempfile.mkdtemp(prefix="fuzz-source-"))
    (work / "corpus").mkdir(parents=True, exist_ok=True)
    if given.one is not None:
        print(target.judge(target.desk(work, given.transformers), given.one.read_bytes()))
        return 0
    print(f"work directory {work}", flush=True)
    words = [str(work), str(given.minutes), str(given.seed), *([str(given.transformers)] if given.transformers else [])]
    code = subprocess.run([sys.executable, "-m", "tests.fuzz.source.inside", *words], check=False).returncode
    found = sorted(work.glob("found-*.py"))
    print(f"{len(found)} places with findings" + "".join(f"\n  {path}" for path in found))
    return 1 if found or code else 0


if __name__ == "__main__":
    sys.exit(main())
