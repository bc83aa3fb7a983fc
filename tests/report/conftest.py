"""A planned model with verdicts of the stand-in server, as reports are made of it."""

from __future__ import annotations

from tests.cli.conftest import desk, empty_desk, fake_engine

__all__ = ["desk", "empty_desk", "fake_engine"]
