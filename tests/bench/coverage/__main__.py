"""``make bench-coverage``: generate, serve and compare each architecture; see docs/coverage.md."""

from __future__ import annotations

import argparse

from tests.bench.coverage.rows import choose, make_rows


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.coverage")
    parser.add_argument("--only", help="rows, such as gemma2,phi (default: the list)")
    parser.add_argument("--extra", action="store_true", help="the rows beyond the list too")
    parser.add_argument("--checkpoints", action="store_true", help="make checkpoints and references only")
    asked = parser.parse_args()
    chosen = choose(asked.only, asked.extra)
    make_rows(chosen)
    for row in chosen:
        print(f"{row.name}: {row.checkpoint if row.is_made else 'not made'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
