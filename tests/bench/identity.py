"""``make bench-identity BASE=<commit>``: whether adapters are byte for byte those that an earlier commit generated.

Both trees plan each listed architecture from the same checkpoints: this checkout, and ``BASE`` in a work tree of its
own. What the base made is kept in the cache by its commit, so that a second run costs half.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.coverage.environment import environment
from tests.bench.coverage.rows import Row, choose, make_rows
from tests.lab.cache import cache_root

TOP = Path(__file__).parents[2]
MAIN = "from scaffold.cli.main import main; main()"
SAID = ("strategy", "holes")
"""What of the JSON document is compared, too."""


def generate(tree: Path, row: Row, python: Path, folder: Path) -> None:
    """Write what a tree's tool makes of a row below ``folder``: the plugin's files and what was said of it."""
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="scaffold-identity-") as work:
        command = [sys.executable, "-c", MAIN, "new-model", row.checkpoint, "--strategy", "native", "--placement"]
        command += ["plugin", "--output", folder / "plugin", "--work", work, "--python", python, "--json"]
        paths = os.pathsep.join(map(str, (tree, tree / "validators")))
        done = subprocess.run(
            [str(word) for word in command],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=False,
        )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        document = json.loads(done.stdout)
    except ValueError:
        document = {"strategy": f"exit {done.returncode}", "holes": done.stderr[-2000:]}
    said = {key: document.get(key) for key in SAID}
    (folder / "said.json").write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def texts(folder: Path) -> dict[str, str]:
    """Return the files below a folder."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def difference(before: Path, after: Path) -> str:
    """Return the unified diff of two folders; empty if they are the same byte for byte."""
    old, new = texts(before), texts(after)
    found: list[str] = []
    for name in sorted({*old, *new}):
        one, other = old.get(name, ""), new.get(name, "")
        if one != other:
            found += difflib.unified_diff(one.splitlines(True), other.splitlines(True), f"base/{name}", f"now/{name}")
    return "".join(found)


def base_folder(commit: str, chosen: list[Row], python: Path, jobs: int) -> Path:
    """Return the folder with what a commit's tool made of the rows, made now where it is missing."""
    folder = cache_root() / "identity" / commit
    missing = [row for row in chosen if not (folder / row.folder.name / "said.json").is_file()]
    if missing:
        with tempfile.TemporaryDirectory(prefix="scaffold-base-") as scratch:
            tree = Path(scratch) / "tree"
            subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree), commit], cwd=TOP, check=True)
            try:
                _each(tree, missing, python, folder, jobs)
            finally:
                subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=TOP, check=True)
    return folder


def _each(tree: Path, rows: list[Row], python: Path, folder: Path, jobs: int) -> None:
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda row: generate(tree, row, python, folder / row.folder.name), rows))


def main() -> int:
    """Compare; 1 if an adapter differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.identity")
    parser.add_argument("--base", required=True, help="the commit to compare with")
    parser.add_argument("--only", help="rows, such as gemma2,phi (default: the list)")
    parser.add_argument("--extra", action="store_true", help="the rows beyond the list too")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    named = subprocess.run(
        ["git", "rev-parse", "--verify", f"{asked.base}^{{commit}}"],
        cwd=TOP,
        check=True,
        capture_output=True,
        text=True,
    )
    chosen = choose(asked.only or None, asked.extra)
    make_rows(chosen)
    chosen = [row for row in chosen if row.is_made]
    python = environment().python
    base = base_folder(named.stdout.strip(), chosen, python, asked.jobs)
    differing = 0
    with tempfile.TemporaryDirectory(prefix="scaffold-now-") as scratch:
        _each(TOP, chosen, python, Path(scratch), asked.jobs)
        for row in chosen:
            found = difference(base / row.folder.name, Path(scratch) / row.folder.name)
            if found:
                differing += 1
                print(f"{row.name}: differs\n{found}")
    print(f"{len(chosen) - differing} of {len(chosen)} are byte for byte as of {asked.base}")
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
