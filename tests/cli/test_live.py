"""What is seen while gates run: bars and the last line on a terminal, lines elsewhere, nothing with --quiet."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from scaffold.cli import live as live_module
from scaffold.cli.live import View, drawn, live
from scaffold.cli.output import Output
from scaffold_validators.watching.progress import Bar


def shown(view: View) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(view)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_a_view_has_the_stage_a_clock_bars_and_the_last_line_that_says_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    view = View(said.append)
    view.report("stage real: starting vllm serve")
    now = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: now)
    view.since = now - 75
    view.hear("Loading safetensors checkpoint shards:  50% Completed | 20/40 [00:10<00:10,  2.0it/s]")
    view.hear("(EngineCore pid=1) INFO 11-27 06:14:09 [model.py:733] Resolved architecture: Nova")
    view.hear("")
    text = shown(view)
    assert "75 s  stage real: starting vllm serve" in text
    assert "20/40 Loading safetensors checkpoint shards" in text
    assert "Resolved architecture: Nova" in text
    assert "INFO" not in text
    assert said == ["stage real: starting vllm serve"]


def test_a_bar_that_is_full_goes_away() -> None:
    view = View(lambda text: None)
    view.hear("Capturing CUDA graphs (decode, FULL):  45%|████▌     | 5/11 [00:03<00:03]")
    assert "5/11" in shown(view)
    view.hear("Capturing CUDA graphs (decode, FULL): 100%|██████████| 11/11 [00:06<00:00]")
    assert "/11" not in shown(view)


def test_a_bar_is_drawn_to_its_share() -> None:
    assert drawn(Bar("shards", 1, 4)).count("━") == 10
    assert drawn(Bar("shards", 0, 0)).count("━") == 0


def test_without_a_terminal_reports_are_lines_and_a_silent_while_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with live(Output(as_json=True, quiet=False, verbose=False)) as view:
        view.report("capturing graphs")
        view.hear("INFO nothing yet")
        monkeypatch.setattr(live_module, "HEARTBEAT_SECONDS", 0.0)
        view.hear("INFO 11-27 06:14:09 [a.py:1] still at it")
    out, err = capsys.readouterr()
    assert out == ""
    assert "capturing graphs" in err
    assert "the log: still at it" in err
    assert "nothing yet" not in err


def test_with_quiet_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with live(Output(as_json=False, quiet=True, verbose=False)) as view:
        view.report("capturing graphs")
        view.hear("INFO a line")
    assert capsys.readouterr() == ("", "")


def test_text_of_a_log_moves_no_cursor() -> None:
    view = View(lambda text: None)
    view.hear("INFO \x1b[2Jcleared [bold]not markup[/bold]")
    assert "\x1b" not in shown(view)
    assert "[bold]not markup[/bold]" in shown(view)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_reports_stay_above_what_is_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with live(Output(as_json=False, quiet=False, verbose=False)) as view:
        view.report("stage real: starting vllm serve")
        view.hear("INFO 11-27 06:14:09 [model.py:733] Resolved architecture: Nova")
        time.sleep(0.4)
    drawn_text = terminal.getvalue()
    assert " s] stage real: starting vllm serve\n" in drawn_text
    assert "Resolved architecture: Nova" in drawn_text
    assert drawn_text.count("stage real: starting vllm serve") >= 2
