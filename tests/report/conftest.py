"""A planned model with verdicts of the stand-in server, as reports are made of it."""

from __future__ import annotations

from tests.cli.conftest import desk, fake_engine, referred_engine

__all__ = ["desk", "fake_engine", "referred_engine"]
