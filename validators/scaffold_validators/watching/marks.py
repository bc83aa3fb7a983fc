"""The lines that a gate itself writes into the log of its server: what follows them is no evidence of a failure."""

from __future__ import annotations

ENDED_HERE = "--- the gate ends the server here: what follows is no evidence ---"
"""The line of a log that parts what the server did from how it was ended."""
GIVEN_UP = "--- the gate gives the server up here: stacks that it was asked for may follow ---"
MARKS = (ENDED_HERE, GIVEN_UP)
