"""How fast ``scaffold diagnose`` reads a million lines, and how much memory it needs: ``make bench-diagnosis``.

Four logs, written here: a healthy server, one that dies in the last lines, one in which every line is an error, and a
plog folder of eight processes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

from tests.bench.processes import fastest, peak

HEALTHY = (
    '(APIServer pid=1) INFO:     127.0.0.1:{n} - "POST /v1/completions HTTP/1.1" 200 OK',
    "(APIServer pid=1) INFO 07-02 20:39:50 [loggers.py:335] Engine 000: Avg prompt throughput: {n} tokens/s",
    "(EngineCore pid=5) DEBUG 07-02 20:39:50 [core.py:1] EngineCore loop active {n}",
    "(Worker_TP0 pid=9) WARNING 07-02 20:39:50 [x.py:7] Setting {n} is slow",
)
DIES = (
    "(Worker_TP0 pid=9) ERROR 07-02 21:39:50 [multiproc_executor.py:1] RuntimeError: NPU out of memory. Tried 1 GiB",
    "(APIServer pid=1) ERROR 07-02 21:39:51 [async_llm.py:1] vllm.v1.engine.exceptions.EngineDeadError: it died",
)
ERRORS = (
    "(Worker_TP{n} pid={n}) ERROR 07-02 20:39:50 [x.py:{n}] request {n} has odd value {n}",
    "[ERROR] RUNTIME({n},python3):2026-04-17-09:16:39.992.922 [driver.cc:{n}]8 Call: retCode=0x{n}, odd",
)


def lines(forms: tuple[str, ...], count: int) -> Iterator[str]:
    """Yield lines of these forms, with other numbers each time."""
    return (form.format(n=number % 97) + "\n" for number, form in enumerate(islice(cycle(forms), count)))


def healthy(folder: Path, count: int) -> None:
    """Write the log of a healthy server."""
    with (folder / "serve.log").open("w") as file:
        file.writelines(lines(HEALTHY, count))


def dies(folder: Path, count: int) -> None:
    """Write the log of a server that dies in the end."""
    with (folder / "serve.log").open("w") as file:
        file.writelines(lines(HEALTHY, count))
        file.writelines(f"{line}\n" for line in DIES)


def errors(folder: Path, count: int) -> None:
    """Write a log that has nothing but errors."""
    with (folder / "serve.log").open("w") as file:
        file.writelines(lines(ERRORS, count))


def plog(folder: Path, count: int) -> None:
    """Write a plog folder, with an error of a kernel in one of its files."""
    for process in range(8):
        with (folder / f"plog-{process}_1.log").open("w") as file:
            for number in range(count // 8):
                file.write(f"[EVENT] RUNTIME({process},python3):2026-04-17-09:16:39.9 [a.cc:{number}]8 Call: done\n")
            if process == 3:
                file.write("[ERROR] RUNTIME(3,python3):2026-04-17-09:16:40.1 [b.cc:1]8 Print: aicore exception\n")


LOGS: dict[str, Callable[[Path, int], None]] = {
    "healthy server": healthy,
    "server that dies in the last lines": dies,
    "nothing but errors": errors,
    "plog folder of eight processes": plog,
}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=1_000_000)
    count = parser.parse_args().lines
    print(f"| {count:,} lines | MiB | seconds | of the processor | peak memory, MiB |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, write in LOGS.items():
        with tempfile.TemporaryDirectory() as path:
            folder = Path(path)
            write(folder, count)
            size = sum(file.stat().st_size for file in folder.iterdir()) / 2**20
            command = (str(Path(sys.executable).with_name("scaffold")), "diagnose", path)
            seconds, busy = fastest(1, *command, codes=(0, 1))
            print(f"| {name} | {size:.0f} | {seconds:.1f} | {busy:.1f} | {peak(*command)} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
