"""``make bench-add-patch``: patches under the real engine: every caller has the new one, nothing else changed."""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter

from tests.bench.patched.run import applied
from tests.bench.patched.sample import Patch, drawn, patch, read
from tests.lab.engine import engine


def main() -> None:
    """Draw, write, apply, count; end with 1 if a patch did something else than it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    package = read(engine().pristine)
    written: list[Patch] = []
    refused: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for target in drawn(package, arguments.seed, min(1, arguments.count / 500)):
        made = patch(package, target)
        if made.refused:
            refused[re.sub(r"^\S+ |\(.*|`.*?`|\d+", "", made.refused).strip()] += 1
            continue
        written.append(made)
        if len(written) >= arguments.count * 3 // 2:
            break
    answers = applied(written, arguments.count)
    for answer in answers[1:]:
        kinds[
            next(
                w.target.kind for w in written if (w.target.module, w.target.path) == (answer["module"], answer["path"])
            )
        ] += 1
    wrong = [answer for answer in answers[1:] if answer["wrong"]]
    held = [len(w.holders) for w in written]
    print(f"{len(answers) - 1} patches applied ({dict(kinds)}), {len(wrong)} wrong")
    print(f"{sum(map(bool, held))} of {len(written)} are held by name in other modules, {max(held)} at most")
    print(f"{answers[0]['not importable']} not applied: their modules cannot be imported on this machine")
    print(f"{sum(refused.values())} refused:", *(f"{n:5} {why}" for why, n in refused.most_common()), sep="\n  ")
    for answer in wrong:
        print(f"{answer['module']}.{answer['path']}", *answer["wrong"], sep="\n    ")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
