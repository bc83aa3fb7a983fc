"""``make bench-add-patch``: patches under the real engine: every caller has the new one, nothing else changed.

What was written and answered is kept in the cache: a run that was stopped goes on there.
"""

from __future__ import annotations

import argparse
import gc
import re
import sys
from collections import Counter
from pathlib import Path

from tests.bench.patched.kept import folder_of, keep_patch, patches_of
from tests.bench.patched.run import applied
from tests.bench.patched.sample import Patch, drawn, patch, read
from tests.lab.engine import engine


def main() -> None:
    """Draw, write, apply, count; end with 1 if a patch did something else than it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folder = folder_of(arguments.seed, arguments.count)
    made = patches(folder / "patches.jsonl", arguments.seed, arguments.count)
    written = [one for one in made if one.text]
    first, *answers = applied(written, arguments.count, kept=folder / "answers.jsonl")
    kind_of = {(one.target.module, one.target.path): one.target.kind for one in written}
    kinds = Counter(kind_of[answer["module"], answer["path"]] for answer in answers)
    refused = Counter(re.sub(r"^\S+ |\(.*|`.*?`|\d+", "", one.refused).strip() for one in made if one.refused)
    wrong = [answer for answer in answers if answer["wrong"]]
    held = [len(one.holders) for one in written]
    print(f"{len(answers)} patches applied ({dict(sorted(kinds.items()))}), {len(wrong)} wrong")
    print(f"{sum(map(bool, held))} of {len(written)} are held by name in other modules, {max(held)} at most")
    print(f"{first['not importable']} not applied: their modules cannot be imported on this machine")
    print(f"{sum(refused.values())} refused:", *(f"{n:5} {why}" for why, n in refused.most_common()), sep="\n  ")
    for answer in wrong:
        print(f"{answer['module']}.{answer['path']}", *answer["wrong"], sep="\n    ")
    sys.exit(bool(wrong))


def patches(kept: Path, seed: int, count: int) -> list[Patch]:
    """Return the patches of drawn targets, and those that were refused, until half as many again are written.

    That many, as modules of some cannot be imported. What is kept is not written again.
    """
    made = patches_of(kept)
    wanted = count * 3 // 2
    if sum(bool(one.text) for one in made) >= wanted:
        return made
    gc.disable()  # the trees of a whole vLLM stay: to look through them again and again takes most of the time
    package = read(engine().pristine)
    targets = drawn(package, seed, min(1, count / 500))
    for target in (target for number, target in enumerate(targets) if number >= len(made)):
        made.append(patch(package, target))
        keep_patch(kept, made[-1])
        if sum(bool(one.text) for one in made) >= wanted:
            break
    gc.enable()
    return made


if __name__ == "__main__":
    main()
