"""The process that atheris (Python 3.11, the extra ``fuzz``) instruments, runs and ends."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["scaffold.source", "scaffold.probing", "scaffold.reading"]):
    from tests.fuzz.source import target
from tests.fuzz.source.mutate import mutate
from tests.fuzz.source.seeds import corpus, seeds

MAX_BYTES = 80_000
BYTES_ALONE = 0.05
"""Part of the mutations that know nothing of Python."""


def main(work: Path, minutes: float, seed: int, transformers: Path | None) -> None:
    """Fuzz; the process ends here."""
    desk = target.desk(work, transformers)
    texts = [*seeds(), *(corpus(transformers) if transformers else ())]
    for number, text in enumerate(texts):
        (work / "corpus" / f"seed-{number}").write_text(text, encoding="utf-8")
    print(f"{len(texts)} seeds", flush=True)
    places: set[str] = set()

    def one_input(data: bytes) -> None:
        try:
            target.judge(desk, data)
        except Exception as error:  # whatever it is: what is looked for
            place = _place(error)
            if place not in places:
                places.add(place)
                (work / f"found-{len(places)}.py").write_bytes(data)
                print(f"found {len(places)}: {place}\n{''.join(traceback.format_exception(error)[-3:])}", flush=True)

    def mutator(data: bytes, size: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < BYTES_ALONE:
            return bytes(atheris.Mutate(data, size))
        return mutate(data.decode("utf-8", "replace"), texts, random).encode("utf-8", "replace")[:size]

    options = [
        f"-max_total_time={int(minutes * 60)}", f"-seed={seed}", f"-max_len={MAX_BYTES}", "-len_control=0",
        "-timeout=120", "-rss_limit_mb=4000", f"-artifact_prefix={work}/", "-print_final_stats=1", "-reload=0",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(work / "corpus")], one_input, custom_mutator=mutator)
    atheris.Fuzz()


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    last = [frame for frame in frames if "scaffold" in frame.filename][-1:] or frames[-1:]
    return f"{type(error).__name__} {Path(last[0].filename).name}:{last[0].lineno}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]) if sys.argv[4:] else None)
