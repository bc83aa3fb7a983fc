"""What a line says, without what loggers and launchers write before it."""

from __future__ import annotations

from scaffold_validators.diagnosis.lines import Line, parse_line
from tests.rows import each

LINES = [
    (
        "(Worker_TP1 pid=12) ERROR 04-17 03:55:34 [multiproc_executor.py:852]     return x",
        Line("    return x", "ERROR", "multiproc_executor.py:852", "Worker_TP1 pid=12", "04-17 03:55:34"),
    ),
    (
        "\x1b[1;36m(EngineCore pid=5)\x1b[0;0m INFO 11-27 01:37:07 [core.py:1454] up",
        Line("up", "INFO", "core.py:1454", "EngineCore pid=5", "11-27 01:37:07"),
    ),
    (
        "[1;36m(APIServer pid=6)[0;0m KeyError: 'x'",
        Line("KeyError: 'x'", process="APIServer pid=6"),
    ),
    (
        "#033[1;36m(VllmWorkerProcess pid=3)#033[0;0m ERROR 07-15 08:09:04 [m.py:239] OddError: what#015",
        Line("OddError: what", "ERROR", "m.py:239", "VllmWorkerProcess pid=3", "07-15 08:09:04"),
    ),
    (
        "(vLLMHttpServer pid=7) (Worker_TP3 pid=8) ERROR 04-20 21:27:00 [x.py:932]  TraceBack",
        Line(" TraceBack", "ERROR", "x.py:932", "Worker_TP3 pid=8", "04-20 21:27:00"),
    ),
    (
        "(RayWorkerWrapper pid=9, ip=10.0.0.2) ERROR 06-09 06:57:48 worker_base.py:581] OddError",
        Line("OddError", "ERROR", "worker_base.py:581", "RayWorkerWrapper pid=9", "06-09 06:57:48"),
    ),
    (
        "(Worker_DP0 pid=8) ERROR 2025-10-25 15:32:13.272 [m.py:597] OddError",
        Line("OddError", "ERROR", "m.py:597", "Worker_DP0 pid=8", "10-25 15:32:13.272"),
    ),
    (
        "[rank4]:[E908 09:20:07.123185212 OpParamMaker.cpp:454] call aclnnX failed",
        Line("call aclnnX failed", "ERROR", "OpParamMaker.cpp:454", "rank4", "09-08 09:20:07.123185212"),
    ),
    (
        "E20260608 14:45:44.404089 342420 ascend_direct_transport.cpp:1107] Connect timeout",
        Line("Connect timeout", "ERROR", "ascend_direct_transport.cpp:1107", "", "06-08 14:45:44.404089"),
    ),
    (
        "[ERROR] HCCL(605,):2025-12-04-14:46:07.911.312 [a.cc:106] [605]failed",
        Line(
            "[ERROR] HCCL(605,):2025-12-04-14:46:07.911.312 [a.cc:106] [605]failed",
            "ERROR",
            process="pid=605",
            time="12-04 14:46:07.911312",
            native=True,
        ),
    ),
    (
        "EZ9999: [PID: 8] 2025-09-04-09:50:11.954.378 odd",
        Line("EZ9999: [PID: 8] 2025-09-04-09:50:11.954.378 odd", time="09-04 09:50:11.954378"),
    ),
    ("INFO:     Application startup complete.", Line("Application startup complete.", "INFO")),
    ("WARNING:root:odd", Line("odd", "WARNING", "root")),
    ("2024-07-30T07:27:23.496500082Z   File x", Line("  File x")),
    ("gemma-1  |   File x", Line("  File x")),
    ("> KeyError: 'x'", Line("KeyError: 'x'")),
    ("  File x\n", Line("  File x")),
    ("", Line("")),
]


@each(("raw", "expected"), LINES, ids=[raw[:40] for raw, _ in LINES])
def test_a_line_is_read(raw: str, expected: Line) -> None:
    assert parse_line(raw) == expected
